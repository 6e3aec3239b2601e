//! The stories across roles.

mod accounts;
mod bad_input;
mod bootstrap;
mod crashes;
mod credentials;
mod dead_letters;
mod rate_limits;
mod settings;
mod withdrawals;
