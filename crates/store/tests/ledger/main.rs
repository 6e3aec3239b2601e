//! The ledger and the budgets, against a real Postgres.

mod budget;
mod common;
mod runs;
