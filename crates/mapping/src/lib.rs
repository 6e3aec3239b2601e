#![doc = include_str!("../README.md")]
pub mod account;
pub mod attendee;
pub mod attention;
mod canonical;
mod content;
pub mod email;
mod error;
pub mod gong;
mod json;
mod listed_row;
mod nul;
mod time;
pub use canonical::canonical_hash;
pub use content::content_hash;
pub use error::MappingError;
pub use listed_row::ListedRow;
