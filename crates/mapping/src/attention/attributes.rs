//! The fields of a conversation resource that we read; every one may be absent, null, empty or of another type.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::{Lenient, Number, Text, scalar_text};

/// A resource, bare or wrapped in `data`.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    attributes: Option<&'a RawValue>,
}

/// A conversation resource: its id and its fields.
#[derive(Default)]
pub(super) struct Resource<'a> {
    pub(super) id: Option<String>,
    pub(super) attributes: Attributes<'a>,
}

impl<'a> Resource<'a> {
    /// Reads a resource; `None` when it is not one at all.
    pub(super) fn read(raw: &'a RawValue) -> Option<Self> {
        let mut envelope: Envelope<'a> = serde_json::from_str(raw.get()).ok()?;
        if envelope.attributes.is_none() {
            envelope = serde_json::from_str(envelope.data?.get()).ok()?;
        }
        let attributes: Attributes<'a> = serde_json::from_str(envelope.attributes?.get()).ok()?;
        let id = envelope.id.and_then(scalar_text).or_else(|| attributes.uuid.and_then(scalar_text));
        Some(Self { id, attributes })
    }
}

macro_rules! attributes {
    ($($field:ident $name:literal : $type:ty),+ $(,)?) => {
        /// The fields, by our names.
        #[derive(Deserialize, Default)]
        #[serde(default)]
        pub(super) struct Attributes<'a> {
            #[serde(borrow)]
            pub(super) uuid: Option<&'a RawValue>,
            #[serde(borrow)]
            pub(super) transcript: Option<&'a RawValue>,
            $(#[serde(rename = $name, borrow)] pub(super) $field: Raw<'a, $type>),+
        }

        impl Attributes<'_> {
            /// Names of the fields that hold another type than expected.
            pub(super) fn odd_fields(&self) -> Vec<&'static str> {
                let mut odd = Vec::new();
                $(if self.$field.is_odd() { odd.push($name); })+
                odd
            }
        }
    };
}

/// A field as it came, with the type it should have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a, T>(Option<&'a RawValue>, PhantomData<T>);

impl<T> Default for Raw<'_, T> {
    fn default() -> Self {
        Self(None, PhantomData)
    }
}

impl<'de: 'a, 'a, T> Deserialize<'de> for Raw<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // null is absent
        Ok(Self(<Option<&'de RawValue>>::deserialize(deserializer)?, PhantomData))
    }
}

impl<'a, T: Deserialize<'a>> Raw<'a, T> {
    /// The value, if it is of its type.
    pub(super) fn get(&self) -> Option<T> {
        serde_json::from_str(self.0?.get()).ok()
    }

    fn is_odd(&self) -> bool {
        self.0.is_some() && self.get().is_none()
    }
}

impl Raw<'_, String> {
    /// The text, if there is any.
    pub(super) fn text(&self) -> Option<String> {
        self.get().filter(|text| !text.trim().is_empty())
    }
}

impl Raw<'_, Value> {
    /// The value, if it says anything: no null, no empty text, list or object.
    pub(super) fn something(&self) -> Option<Value> {
        self.get().filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        })
    }
}

attributes!(
    title "title": String,
    created_at "createdAt": String,
    finished_at "finishedAt": String,
    live_started_at "liveStreamStartedAt": String,
    live_ended_at "liveStreamEndedAt": String,
    media_duration "mediaDuration": Number,
    user_uuid "userUUID": String,
    team_uuid "teamUUID": String,
    user "user": User<'a>,
    participants "participants": Vec<Lenient<Person<'a>>>,
    attendees "attendees": Vec<Lenient<Person<'a>>>,
    archived "archived": bool,
    referenceable "referenceable": bool,
    private "private": bool,
    is_internal "isInternal": bool,
    is_empty "isEmpty": bool,
    transcript_status "transcriptStatus": String,
    video_status "videoStatus": String,
    media_storage_status "mediaStorageStatus": String,
    import_status "importStatus": String,
    crm_export_status "crmExportStatus": String,
    zoom_url "zoomMeetingJoinUrl": String,
    meet_url "googleMeetJoinUrl": String,
    teams_url "microsoftTeamsJoinUrl": String,
    webex_url "webexJoinUrl": String,
    external_opportunity "externalOpportunity": Value,
    deal_uuid "dealUUID": String,
    linked_crm_records "linkedCrmRecords": Vec<Lenient<Linked<'a>>>,
    external_accounts "externalAccounts": Vec<Lenient<Linked<'a>>>,
    external_contacts "externalContacts": Vec<Lenient<Linked<'a>>>,
    extracted "extractedIntelligence": Value,
    confirmed "confirmedExtractedIntelligence": Value,
    scorecards "scorecardResults": Value,
    labels "labels": Value,
    import_metadata "importMetadata": Value,
    zoom_metadata "zoomMetadata": Value,
);

/// The owner.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct User<'a> {
    #[serde(borrow)]
    pub(super) uuid: Text<'a>,
    #[serde(borrow)]
    pub(super) email: Text<'a>,
    #[serde(rename = "firstName", borrow)]
    pub(super) first_name: Text<'a>,
    #[serde(rename = "lastName", borrow)]
    pub(super) last_name: Text<'a>,
}

/// A participant, an attendee, or a speaker.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Person<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) email: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) title: Text<'a>,
    #[serde(borrow)]
    pub(super) phone: Text<'a>,
    pub(super) organizer: Lenient<bool>,
}

/// A linked CRM record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Linked<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) code: Text<'a>,
}
