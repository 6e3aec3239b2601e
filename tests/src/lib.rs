#![doc = include_str!("../README.md")]

mod binary;
mod mail;
mod process;
mod stand;
mod truth;

pub use mail::twice_and_shuffled;
pub use process::Role;
pub use stand::{Pace, Stand};
pub use truth::{compare_with_truth, without_times};
