#![doc = include_str!("../README.md")]

mod binary;
mod browser;
mod certificates;
mod collector;
mod disguise;
mod http;
mod mail;
mod process;
mod prometheus;
mod stack;
mod stand;
mod traces;
mod truth;
mod wire;

pub use browser::{Consented, visit};
pub use certificates::Authority;
pub use collector::{Collector, Told};
pub use mail::{Held, twice_and_shuffled};
pub use process::Role;
pub use prometheus::{OBSERVABILITY, Prometheus};
pub use stack::Stack;
pub use stand::{Pace, Stand};
pub use traces::Traces;
pub use truth::{
    compare_all_but, compare_histories, compare_meetings, compare_with_gong, compare_with_truth,
};
pub use wire::{Trouble, Wire, Wires};
