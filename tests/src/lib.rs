#![doc = include_str!("../README.md")]

mod binary;
mod process;
mod stand;
mod truth;

pub use process::Role;
pub use stand::{Pace, Stand};
pub use truth::{compare_with_truth, without_times};
