//! Attention: rows of its list, conversations, and users.

mod attributes;
mod conversation;
mod insights;
mod kept;
mod links;
mod people;
mod place;
mod row;
mod sources;
mod summary;
mod transcript;
mod user;
mod when;

pub use conversation::conversation;
pub use row::listed_row;
pub use user::user;
