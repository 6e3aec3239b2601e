#![doc = include_str!("../README.md")]

mod credential;
mod error;
mod google;
mod key_file;
mod keyring;
mod refresh;
mod seal;
mod vault;

pub use credential::{Credential, Grant, Granted};
pub use error::SecretError;
pub use keyring::Keyring;
pub use refresh::{LEASE, NoToken, Opened, Place, RefreshError};
pub use vault::{Deposit, Owner, Vault};
