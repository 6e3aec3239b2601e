//! A conversation out of its details and its list row.

use jiff::{SignedDuration, Timestamp};
use model::{Conversation, LinkedRecord, Owner, Platform, VendorKey};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::attributes::{Attributes, Raw, Resource};
use super::row::is_empty;
use super::{insights, people, transcript};
use crate::MappingError;
use crate::json::Lenient;
use crate::nul::NulSweeper;
use crate::time::timestamp;

/// Maps a conversation. The details win, the list row fills what they do not say.
pub fn conversation(
    listed: Option<&RawValue>,
    detail: Option<&RawValue>,
) -> Result<Conversation, MappingError> {
    let resources = [detail, listed].into_iter().flatten();
    let resources = resources
        .map(|raw| Resource::read(raw).ok_or(MappingError::NoAttributes))
        .collect::<Result<Vec<_>, _>>()?;
    let first = resources.first().ok_or(MappingError::NoDocument)?;
    let id = resources.iter().find_map(|resource| resource.id.as_deref()).ok_or(MappingError::NoId)?;
    let empty = is_empty(first);
    let attributes: Vec<&Attributes<'_>> = resources.iter().map(|resource| &resource.attributes).collect();
    Ok(Reader { all: attributes }.read(id, empty))
}

/// Reads fields from the first resource that has them.
struct Reader<'a, 'b> {
    all: Vec<&'a Attributes<'b>>,
}

/// A field of the resources.
macro_rules! first {
    ($self:ident . $field:ident . $method:ident) => {
        $self.all.iter().find_map(|attributes| attributes.$field.$method())
    };
}

impl<'b> Reader<'_, 'b> {
    fn read(&self, id: &str, empty: bool) -> Conversation {
        let mut nul = NulSweeper::default();
        let external_id = VendorKey::of(id);
        let attendees = people::attendees(&self.all, &mut nul);
        let insights = insights::insights(&self.all, &mut nul);
        let duration_s = self.duration_s();
        let raw_transcripts: Vec<Option<&RawValue>> = self.all.iter().map(|one| one.transcript).collect();
        let status = first!(self.transcript_status.text);
        let transcript =
            transcript::transcript(&raw_transcripts, status.as_deref(), duration_s, &attendees, &mut nul);
        let started_at = self.started_at(duration_s);
        let ended_at = self.time(|one| &one.live_ended_at).or_else(|| self.time(|one| &one.finished_at));
        let (platform, join_url) = self.platform();
        Conversation {
            title: nul.optional(first!(self.title.text).as_deref().map(str::trim)),
            url: Some(format!("https://app.attention.tech/conversations/all-calls/{external_id}")),
            started_at,
            ended_at,
            duration_s: duration_s.filter(|seconds| *seconds > 0.0),
            platform,
            join_url: nul.optional(join_url.as_deref()),
            private: self.flag(|one| &one.private),
            archived: self.flag(|one| &one.archived),
            empty,
            owner: self.owner(&mut nul),
            attendees,
            transcript,
            summary: insights::summary(&insights),
            insights,
            linked_records: self.linked_records(&mut nul),
            attributes: self.attributes(&mut nul),
            nul_characters_removed: nul.removed,
            external_id,
        }
    }

    fn time(&self, field: impl for<'x> Fn(&'x Attributes<'b>) -> &'x Raw<'b, String>) -> Option<Timestamp> {
        self.all.iter().find_map(|attributes| timestamp(&field(attributes).text()?))
    }

    fn flag(&self, field: impl for<'x> Fn(&'x Attributes<'b>) -> &'x Raw<'b, bool>) -> bool {
        self.all.iter().find_map(|attributes| field(attributes).get()).unwrap_or(false)
    }

    fn duration_s(&self) -> Option<f64> {
        let said =
            self.all.iter().find_map(|one| one.media_duration.get()?.0.filter(|seconds| *seconds > 0.0));
        said.or_else(|| {
            let (start, end) = (self.time(|one| &one.live_started_at)?, self.time(|one| &one.live_ended_at)?);
            Some(end.duration_since(start).as_secs_f64()).filter(|seconds| *seconds > 0.0)
        })
    }

    /// The recorder's own start; else the end less the length; else when the row was made.
    fn started_at(&self, duration_s: Option<f64>) -> Option<Timestamp> {
        self.time(|one| &one.live_started_at)
            .or_else(|| {
                let length = SignedDuration::try_from_secs_f64(duration_s?).ok()?;
                self.time(|one| &one.finished_at)?.checked_sub(length).ok()
            })
            .or_else(|| self.time(|one| &one.created_at))
    }

    fn platform(&self) -> (Option<Platform>, Option<String>) {
        let links = [
            (Platform::Zoom, first!(self.zoom_url.text)),
            (Platform::GoogleMeet, first!(self.meet_url.text)),
            (Platform::MicrosoftTeams, first!(self.teams_url.text)),
            (Platform::Webex, first!(self.webex_url.text)),
        ];
        if let Some((platform, link)) = links.into_iter().find(|(_, link)| link.is_some()) {
            return (Some(platform), link);
        }
        if first!(self.zoom_metadata.something).is_some() {
            return (Some(Platform::Phone), None);
        }
        (first!(self.import_metadata.something).map(|_| Platform::Upload), None)
    }

    fn owner(&self, nul: &mut NulSweeper) -> Option<Owner> {
        let user = first!(self.user.get).unwrap_or_default();
        let id = user.uuid.get().map(str::to_owned).or_else(|| first!(self.user_uuid.text));
        let names: Vec<&str> = [user.first_name.get(), user.last_name.get()].into_iter().flatten().collect();
        let owner = Owner {
            vendor_user_id: nul.optional(id.as_deref()),
            email: nul.optional(user.email.get()),
            name: (!names.is_empty()).then(|| nul.text(&names.join(" "))),
        };
        (owner.vendor_user_id.is_some() || owner.email.is_some() || owner.name.is_some()).then_some(owner)
    }

    fn linked_records(&self, nul: &mut NulSweeper) -> Vec<LinkedRecord> {
        let mut records: Vec<LinkedRecord> = Vec::new();
        for attributes in &self.all {
            let lists = [
                (&attributes.linked_crm_records, ""),
                (&attributes.external_accounts, "account"),
                (&attributes.external_contacts, "contact"),
            ];
            for (list, code_if_none) in lists {
                for linked in list.get().iter().flatten().filter_map(Lenient::as_ref) {
                    let Some(id) = linked.id.get() else { continue };
                    let code = linked.code.get().unwrap_or(code_if_none);
                    let record =
                        LinkedRecord { external_id: nul.text(id.trim()), code: nul.text(code.trim()) };
                    if !records.contains(&record) {
                        records.push(record);
                    }
                }
            }
        }
        records
    }

    /// What is kept as the vendor says it.
    fn attributes(&self, nul: &mut NulSweeper) -> Value {
        let mut kept = Map::new();
        let mut keep = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                kept.insert(name.to_owned(), value);
            }
        };
        keep("labels", first!(self.labels.something));
        keep("scorecards", first!(self.scorecards.something));
        keep("opportunity", first!(self.external_opportunity.something));
        keep("import", first!(self.import_metadata.something));
        keep("zoom", first!(self.zoom_metadata.something));
        keep("team_id", first!(self.team_uuid.text).map(Value::from));
        keep("deal_id", first!(self.deal_uuid.text).map(Value::from));
        keep("referenceable", first!(self.referenceable.get).map(|flag| json!(flag)));
        keep("marked_internal", first!(self.is_internal.get).map(|flag| json!(flag)));
        keep("transcript_status", first!(self.transcript_status.text).map(Value::from));
        keep("video_status", first!(self.video_status.text).map(Value::from));
        keep("media_storage_status", first!(self.media_storage_status.text).map(Value::from));
        keep("import_status", first!(self.import_status.text).map(Value::from));
        keep("crm_export_status", first!(self.crm_export_status.text).map(Value::from));
        let odd: Vec<&str> = self.all.iter().flat_map(|attributes| attributes.odd_fields()).collect();
        keep("_odd_fields", (!odd.is_empty()).then(|| json!(odd)));
        nul.value(Value::Object(kept))
    }
}
