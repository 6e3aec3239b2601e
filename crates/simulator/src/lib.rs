#![doc = include_str!("../README.md")]

mod attention;
mod control;
mod dice;
mod error;
mod faults;
mod log;
mod server;
mod wire;
mod world;

pub use attention::Endpoint;
pub use error::SimulatorError;
pub use faults::{Fault, FaultId, FaultRule, RetryAfter};
pub use log::{RequestRecord, Stats};
pub use server::{Simulator, SimulatorConfig};
pub use world::{
    AddedKind, Change, DocumentSize, EndpointForm, Expected, ExpectedAttendee, HeaderForm, KeyLevel, Latency,
    ListMeta, RateLimit, Settings, Shares, Truth, WindowBy, WorkspaceSpec, World,
};
