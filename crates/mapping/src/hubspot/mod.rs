//! HubSpot: companies, contacts and deals.

mod properties;
mod record;
mod row;

pub use record::record;
pub use row::{id, listed, modified_at};
