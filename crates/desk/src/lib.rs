#![doc = include_str!("../README.md")]

pub mod accounts;
pub mod connections;
pub mod dead;
pub mod decision;
pub mod idle;
pub mod meetings;
pub mod queues;
pub mod sync;
pub mod tenants;
