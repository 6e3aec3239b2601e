//! The stories across roles.

mod accounts;
mod bad_input;
mod bootstrap;
mod crashes;
mod credentials;
mod dead_letters;
mod deliveries;
mod rate_limits;
mod roles;
mod settings;
mod withdrawals;
