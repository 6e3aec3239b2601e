//! HubSpot: companies, contacts and deals.

mod properties;
mod record;
mod row;

pub use record::record;
pub use row::{listed, modified_at};
