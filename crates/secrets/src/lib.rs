#![doc = include_str!("../README.md")]

mod error;
mod key_file;
mod keyring;
mod seal;

pub use error::SecretError;
pub use keyring::Keyring;
pub use seal::{Sealed, credential_aad, open, seal};
