//! The operators' commands: parse, ask, print.

pub(crate) mod accounts;
pub(crate) mod ask;
pub(crate) mod connect;
pub(crate) mod connections;
pub(crate) mod conversation;
pub(crate) mod dead;
pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod freshness;
pub(crate) mod gaps;
pub(crate) mod key;
pub(crate) mod meeting;
pub(crate) mod migrate;
pub(crate) mod runs;
pub(crate) mod schedule;
pub(crate) mod simulator;
pub(crate) mod standing;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod tenant;
pub(crate) mod timeline;
pub(crate) mod times;
pub(crate) mod unmatched;
pub(crate) mod wait;
pub(crate) mod where_is;
