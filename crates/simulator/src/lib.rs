#![doc = include_str!("../README.md")]

mod attention;
mod control;
mod dice;
mod endpoint;
mod error;
mod exchange;
mod faults;
mod gong;
mod google;
mod grants;
mod hubspot;
mod jwt;
mod log;
mod reply;
mod salesforce;
mod server;
mod speech;
mod wire;
mod world;

pub use dice::Dice;
pub use endpoint::Endpoint;
pub use error::SimulatorError;
pub use faults::{Fault, FaultId, FaultRule, RetryAfter};
pub use google::{SecretManager, SecretVersion};
pub use log::{RequestRecord, Stats};
pub use server::{Simulator, SimulatorConfig};
pub use world::{
    AddedKind, AppChange, AppOf, AppStats, Change, CrmChange, CrmKind, DocumentSize, EndpointForm, Expected,
    ExpectedAttendee, GongKey, GongSettings, GongSpec, HeaderForm, KeyLevel, Latency, ListMeta, RateLimit,
    Settings, Shares, Truth, WindowBy, WorkspaceSpec, World,
};
