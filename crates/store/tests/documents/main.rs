//! What documents and imports do to rows.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod crm;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod many;
#[cfg(test)]
mod support;
