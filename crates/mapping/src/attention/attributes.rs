//! The fields of a conversation resource that we read; every one may be absent, null, empty or of another type.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::json::{Field, Flag, Id, Inside, Json, List, Object, OfText, Text, tolerant};

tolerant!(
    /// A resource, bare or wrapped in `data`.
    struct Envelope<'a> {
        data "data": Inside<Bare<'a>>,
        id "id": Id<'a>,
        attributes "attributes": Inside<Attributes<'a>>,
    }
);

tolerant!(
    /// A bare resource.
    struct Bare<'a> {
        id "id": Id<'a>,
        attributes "attributes": Inside<Attributes<'a>>,
    }
);

/// A conversation resource: its id and its fields.
#[derive(Default)]
pub(super) struct Resource<'a> {
    pub(super) id: Option<String>,
    /// None when there is no object of that name.
    pub(super) attributes: Option<Attributes<'a>>,
}

impl<'a> Resource<'a> {
    /// Reads a resource, bare or wrapped; of what is none there is neither id nor attributes.
    pub(super) fn read(raw: &'a RawValue) -> Self {
        let outer: Envelope<'a> = serde_json::from_str(raw.get()).unwrap_or_default();
        let mut id = outer.id.get().map(str::to_owned);
        let mut attributes = outer.attributes.0;
        if let (None, Some(inner)) = (&attributes, outer.data.0) {
            id = inner.id.get().map(str::to_owned).or(id);
            attributes = inner.attributes.0;
        }
        let uuid = || attributes.as_ref().and_then(|attributes| attributes.uuid.get().map(str::to_owned));
        Self { id: id.or_else(uuid), attributes }
    }
}

macro_rules! attributes {
    ($($field:ident $name:literal : $type:ty),+ $(,)?) => {
        tolerant!(
            /// The fields, by our names.
            pub(super) struct Attributes<'a> {
                pub(super) uuid "uuid": Id<'a>,
                pub(super) transcript "transcript": Option<&'a RawValue>,
                $(pub(super) $field $name: Field<'a, $type>),+
            }
        );

        impl Attributes<'_> {
            /// Names of the fields that hold another type than expected.
            pub(super) fn odd_fields(&self) -> Vec<&'static str> {
                let mut odd = Vec::new();
                $(if self.$field.is_odd() { odd.push($name); })+
                let transcript = self.transcript.and_then(|raw| raw.get().bytes().next());
                if transcript.is_some_and(|first| !b"{[\"n".contains(&first)) {
                    odd.push("transcript");
                }
                odd
            }
        }
    };
}

attributes!(
    title "title": Cow<'a, str>,
    created_at "createdAt": Timestamp,
    finished_at "finishedAt": Timestamp,
    live_started_at "liveStreamStartedAt": Timestamp,
    live_ended_at "liveStreamEndedAt": Timestamp,
    media_duration "mediaDuration": f64,
    user_uuid "userUUID": Id<'a>,
    team_uuid "teamUUID": Id<'a>,
    user "user": Object<User<'a>>,
    participants "participants": List<Person<'a>>,
    attendees "attendees": List<Person<'a>>,
    archived "archived": Flag,
    referenceable "referenceable": Flag,
    private "private": Flag,
    is_internal "isInternal": Flag,
    is_empty "isEmpty": Flag,
    transcript_status "transcriptStatus": Cow<'a, str>,
    video_status "videoStatus": Cow<'a, str>,
    media_storage_status "mediaStorageStatus": Cow<'a, str>,
    import_status "importStatus": Cow<'a, str>,
    crm_export_status "crmExportStatus": Cow<'a, str>,
    zoom_url "zoomMeetingJoinUrl": Cow<'a, str>,
    meet_url "googleMeetJoinUrl": Cow<'a, str>,
    teams_url "microsoftTeamsJoinUrl": Cow<'a, str>,
    webex_url "webexJoinUrl": Cow<'a, str>,
    external_opportunity "externalOpportunity": Json<'{'>,
    intelligence_opportunity "externalIntelligenceOpportunityID": Id<'a>,
    deal_uuid "dealUUID": Id<'a>,
    linked_crm_records "linkedCrmRecords": List<Linked<'a>>,
    external_accounts "externalAccounts": List<Linked<'a>>,
    external_contacts "externalContacts": List<Linked<'a>>,
    extracted "extractedIntelligence": Json<'{'>,
    confirmed "confirmedExtractedIntelligence": Json<'{'>,
    scorecards "scorecardResults": Json<'['>,
    labels "labels": Json<'{'>,
    import_metadata "importMetadata": Json<'{'>,
    zoom_metadata "zoomMetadata": Json<'{'>,
);

tolerant!(
    /// The owner.
    pub(super) struct User<'a> {
        pub(super) uuid "uuid": Id<'a>,
        pub(super) email "email": Text<'a>,
        pub(super) first_name "firstName": Text<'a>,
        pub(super) last_name "lastName": Text<'a>,
    }
);

tolerant!(
    /// A participant, an attendee, or a speaker.
    pub(super) struct Person<'a> {
        pub(super) id "id": Id<'a>,
        pub(super) email "email": Text<'a>,
        pub(super) name "name": Text<'a>,
        pub(super) title "title": Text<'a>,
        pub(super) phone "phone": Text<'a>,
        pub(super) organizer "organizer": Flag,
    }
);

tolerant!(
    /// A linked CRM record.
    pub(super) struct Linked<'a> {
        pub(super) id "id": Id<'a>,
        pub(super) code "code": Text<'a>,
    }
);

impl OfText<'_> for Envelope<'_> {}
impl OfText<'_> for Bare<'_> {}
impl OfText<'_> for Attributes<'_> {}
impl OfText<'_> for User<'_> {}

impl<'de: 'a, 'a> OfText<'de> for Person<'a> {
    /// A bare address or name.
    fn of_text(text: Cow<'de, str>) -> Self {
        let text = Text(Some(text));
        if text.get().is_some_and(|text| text.contains('@')) {
            return Self { email: text, ..Self::default() };
        }
        Self { name: text, ..Self::default() }
    }
}

impl<'de: 'a, 'a> OfText<'de> for Linked<'a> {
    /// A bare id.
    fn of_text(text: Cow<'de, str>) -> Self {
        Self { id: Text(Some(text)), ..Self::default() }
    }
}
