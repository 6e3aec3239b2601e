//! Gong: calls of the extensive list, their transcripts, and users.

mod call;
mod context;
mod conversation;
mod insights;
mod interaction;
mod kept;
mod meta;
mod people;
mod place;
mod row;
mod transcript;
mod user;

pub use conversation::conversation;
pub use row::listed_row;
pub use user::user;
