//! Salesforce: accounts, contacts, leads, opportunities and users, as rows of a query that shows what is deleted too.

mod fields;
mod record;
mod relation;
mod row;

pub use record::record;
pub use relation::related_contact;
pub use row::listed;
