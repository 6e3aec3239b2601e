//! Accounts from CSV.
