//! What a call is; all of it optional and nullable.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::{Field, Flag, Holds, Id, Json, OfText, text, tolerant};
use crate::time::{is_unset, timestamp};

macro_rules! meta {
    ($($field:ident $name:literal : $type:ty),+ $(,)?) => {
        tolerant!(
            /// The fields, by our names.
            pub(super) struct Meta<'a> {
                $(pub(super) $field $name: Field<'a, $type>),+
            }
        );

        impl Meta<'_> {
            /// Names of the fields that hold another type than expected.
            pub(super) fn odd_fields(&self) -> Vec<&'static str> {
                let mut odd = Vec::new();
                $(if self.$field.is_odd() { odd.push($name); })+
                odd
            }
        }
    };
}

meta!(
    id "id": Id<'a>,
    url "url": Cow<'a, str>,
    title "title": Cow<'a, str>,
    scheduled "scheduled": Moment,
    started "started": Moment,
    duration "duration": f64,
    primary_user_id "primaryUserId": Id<'a>,
    direction "direction": Cow<'a, str>,
    system "system": Cow<'a, str>,
    scope "scope": Cow<'a, str>,
    media "media": Cow<'a, str>,
    language "language": Cow<'a, str>,
    workspace_id "workspaceId": Id<'a>,
    sdr_disposition "sdrDisposition": Cow<'a, str>,
    client_unique_id "clientUniqueId": Id<'a>,
    custom_data "customData": Json<'"'>,
    purpose "purpose": Cow<'a, str>,
    meeting_url "meetingUrl": Cow<'a, str>,
    calendar_event_id "calendarEventId": Id<'a>,
    private "isPrivate": Flag,
);

impl OfText<'_> for Meta<'_> {}

impl Meta<'_> {
    pub(super) fn has_id(&self) -> bool {
        self.id.get().is_some()
    }

    /// The vendor's language says that there will be no transcript: unsupported, or too little speech.
    pub(super) fn has_no_words(&self) -> bool {
        let language = self.language.get().unwrap_or_default();
        ["und", "zxx"].iter().any(|none| language.trim().eq_ignore_ascii_case(none))
    }
}

/// A moment with the offset it was written in, which tells where people sat.
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

impl<'a> Holds<'a> for Moment {
    type Read = Moment;
    fn read(raw: &'a RawValue) -> Option<Moment> {
        let text = text(raw)?;
        Some(Moment { at: timestamp(&text)?, text: text.trim().to_owned() })
    }
    fn is_odd(raw: &'a RawValue) -> bool {
        Self::read(raw).is_none() && !text(raw).is_some_and(|text| is_unset(&text))
    }
}

impl Moment {
    /// The text as it is kept.
    pub(super) fn into_value(self) -> Value {
        Value::from(self.text)
    }
}
