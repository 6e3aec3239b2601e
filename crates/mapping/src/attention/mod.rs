//! Attention: rows of its list, and conversations.

mod attributes;
mod conversation;
mod insights;
mod people;
mod row;
mod transcript;

pub use conversation::conversation;
pub use row::ListedRow;
