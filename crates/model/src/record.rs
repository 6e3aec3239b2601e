//! What a vendor's document becomes: one shape for every vendor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::VendorKey;
use crate::vendor::names;

names!(
    /// Where a meeting took place; the same names for all vendors.
    Platform, "platform", {
        /// Zoom meetings.
        Zoom = "zoom",
        /// Google Meet.
        GoogleMeet = "google-meet",
        /// Microsoft Teams.
        MicrosoftTeams = "microsoft-teams",
        /// Cisco Webex.
        Webex = "webex",
        /// A telephone call.
        Phone = "phone",
        /// An uploaded recording.
        Upload = "upload",
    }
);

names!(
    /// Whose people an attendee belongs to.
    Side, "side", {
        /// The tenant's own.
        Internal = "internal",
        /// Somebody else's.
        External = "external",
        /// No address, or none that says.
        Unknown = "unknown",
    }
);

names!(
    /// Whether the transcript is there.
    TranscriptStatus, "transcript status", {
        /// There is text.
        Ready = "ready",
        /// May still come.
        Pending = "pending",
        /// Will not come: failed at the vendor, or given up after the configured age.
        None = "none",
    }
);

names!(
    /// Why a listed record is not kept.
    SkipReason, "skip reason", {
        /// Marked private at the vendor, and the connection does not admit private conversations.
        Private = "private",
        /// Archived at the vendor.
        Archived = "archived",
        /// Nothing was recorded.
        Empty = "empty",
        /// Listed, but the vendor no longer knows it.
        Gone = "gone",
    }
);

/// A recorded conversation, as all vendors' documents are mapped to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The vendor's id, opaque.
    pub external_id: VendorKey,
    /// Title, if it has one.
    pub title: Option<String>,
    /// Where a person can look at it at the vendor.
    pub url: Option<String>,
    /// Start of the conversation; derived where the vendor does not say.
    pub started_at: Option<Timestamp>,
    /// End of the conversation.
    pub ended_at: Option<Timestamp>,
    /// Length in seconds.
    pub duration_s: Option<f64>,
    /// Where it took place.
    pub platform: Option<Platform>,
    /// The link people joined by.
    pub join_url: Option<String>,
    /// The vendor's id of the event in a calendar; left out where there is none, so that such a conversation hashes as it always did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar_event_id: Option<String>,
    /// The vendor marks it private.
    pub private: bool,
    /// The vendor marks it archived.
    pub archived: bool,
    /// Nothing was recorded.
    pub empty: bool,
    /// Who owns the recording.
    pub owner: Option<Owner>,
    /// Everybody invited or present, each once, in the vendor's order.
    pub attendees: Vec<Attendee>,
    /// What was said.
    pub transcript: Transcript,
    /// The derived summary.
    pub summary: Option<String>,
    /// Every insight, generically.
    pub insights: Vec<Insight>,
    /// Records of the CRM that the vendor linked.
    pub linked_records: Vec<LinkedRecord>,
    /// Labels, scorecards and whatever else is kept as the vendor says it.
    pub attributes: serde_json::Value,
    /// NUL characters taken out, because Postgres cannot store them.
    pub nul_characters_removed: u32,
}

/// The owner of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The vendor's id of the user.
    pub vendor_user_id: Option<String>,
    /// Address as given.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
}

/// Somebody who was invited or present, as the vendor names them; sides and contacts are resolved later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// The vendor's id of the person within the conversation.
    pub vendor_person_id: Option<String>,
    /// The vendor's id of the user, where the person is one of its users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_user_id: Option<String>,
    /// The contact or lead of the CRM that the person is, as the vendor says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_contact_id: Option<String>,
    /// Name as given.
    pub name: Option<String>,
    /// Address as given; matching uses its normal form.
    pub email: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// Telephone number as given.
    pub phone: Option<String>,
    /// Invited the others.
    pub organizer: bool,
}

/// A transcript, in order of appearance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// Whether it is there.
    pub status: TranscriptStatus,
    /// The segments; empty unless ready.
    pub segments: Vec<Segment>,
}

/// What one speaker said without a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The speaker's name, as the vendor labels it or as the attendee is named.
    pub speaker: Option<String>,
    /// Milliseconds from the start of the recording.
    pub start_ms: Option<i32>,
    /// Milliseconds from the start of the recording.
    pub end_ms: Option<i32>,
    /// The words.
    pub text: String,
}

/// One finding of the vendor's analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Insight {
    /// The vendor's key of the item.
    pub key: String,
    /// Its title, as customers configure it.
    pub title: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Any JSON; mostly text.
    pub value: serde_json::Value,
}

/// A CRM record that a vendor linked to a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedRecord {
    /// The record's id in the CRM.
    pub external_id: String,
    /// Its entity code as the vendor writes it ("Account", "companies").
    pub code: String,
}
