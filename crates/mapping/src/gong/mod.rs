//! Gong: calls of the extensive list, and their transcripts.

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

pub use conversation::conversation;
pub use row::listed_row;
