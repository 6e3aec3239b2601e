//! HubSpot: companies, contacts, deals and owners.

mod owner;
mod properties;
mod record;
mod row;

pub use record::record;
pub use row::{id, listed, modified_at};
