#![doc = include_str!("../README.md")]

mod crm;
mod hash;
mod id;
pub mod message;
mod record;
mod run;
mod vendor;
mod version;

pub use crm::{CrmAccount, CrmBody, CrmContact, CrmDeal, CrmRecord, CrmUser, Presence};
pub use hash::{ContentHash, InvalidContentHash};
pub use id::{
    AccountId, ConnectionId, ConversationId, DeadLetterId, EventId, InvalidId, MeetingId, ReplayId,
    ResolveBatchId, RunId, TenantId, VendorAccount, VendorKey, derived_uuid,
};
pub use record::{
    Attendee, Conversation, Insight, LinkedRecord, Owner, Platform, Segment, Side, SkipReason, Transcript,
    TranscriptStatus,
};
pub use run::{ItemDecision, Lane, ParkCause, RunKind, RunState, Share, Step, Stream, Window};
pub use vendor::{UnknownName, Vendor};
pub use version::Version;
