//! The stories across roles.

mod accounts;
mod bad_input;
mod bootstrap;
mod crashes;
mod credentials;
mod crm;
mod dead_letters;
mod deliveries;
mod demo;
mod fairness;
mod garbage;
mod gong;
mod hunt;
mod idle;
mod looks;
mod month;
mod oauth;
mod rate_limits;
mod restarts;
mod roles;
mod salesforce;
mod secret_manager;
mod settings;
mod tenants;
mod tls;
mod withdrawals;
