//! The ledger and the budgets, against a real Postgres.

#[cfg(test)]
mod backlog;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod circuit;
#[cfg(test)]
mod common;
#[cfg(test)]
mod forgotten;
#[cfg(test)]
mod gaps;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod letters;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replays;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod silence;
