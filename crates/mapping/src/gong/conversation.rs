//! A conversation out of a call and its transcript.

use jiff::{SignedDuration, Timestamp};
use model::{Conversation, VendorKey};
use serde_json::value::RawValue;

use super::call::Call;
use super::meta::Meta;
use super::people::Parties;
use super::transcript::{Spoken, transcript};
use super::{context, insights, kept, place};
use crate::MappingError;
use crate::json::mended;
use crate::nul::NulSweeper;

/// Maps a conversation. The row of the list says everything but what was said; the details are its transcript, if there is one.
pub fn conversation(
    listed: Option<&RawValue>,
    detail: Option<&RawValue>,
) -> Result<Conversation, MappingError> {
    let (row, row_mended) = listed.map(mended).ok_or(MappingError::NoDocument)?;
    let entry = detail.map(mended);
    let is_mended = row_mended || entry.as_ref().is_some_and(|(_, is_mended)| *is_mended);
    if !row.get().starts_with('{') {
        return Err(MappingError::NoAttributes);
    }
    let call = Call::read(&row);
    let meta = call.meta(&row).unwrap_or_default();
    let id = meta.id.get().ok_or(MappingError::NoId)?;
    let spoken = entry.as_ref().map(|(entry, _)| Spoken::read(entry)).unwrap_or_default();
    Ok(read(&id, &meta, &call, &spoken, is_mended))
}

fn read(id: &str, meta: &Meta<'_>, call: &Call<'_>, spoken: &Spoken<'_>, is_mended: bool) -> Conversation {
    let mut nul = NulSweeper::default();
    let external_id = VendorKey::of(id);
    let owner_id = meta.primary_user_id.get();
    let parties = Parties::of(call, owner_id.as_deref(), &mut nul);
    let transcript = transcript(spoken, meta.has_no_words(), &parties, &mut nul);
    let (started_at, ended_at) = span(meta);
    let (platform, join_url) = place::platform(meta, &mut nul);
    let content = call.content.get().unwrap_or_default();
    let interaction = call.interaction.get().unwrap_or_default();
    let collaboration = call.collaboration.get().unwrap_or_default();
    Conversation {
        title: nul.trimmed(meta.title.get().as_deref()),
        url: place::url(meta, id, &external_id, &mut nul),
        started_at,
        ended_at,
        duration_s: meta.duration.get().filter(|seconds| *seconds >= 0.0),
        platform,
        join_url,
        calendar_event_id: nul.trimmed(meta.calendar_event_id.get().as_deref()),
        private: meta.private.get().unwrap_or(false),
        archived: false,
        empty: false,
        owner: parties.owner(owner_id.as_deref(), &mut nul),
        transcript,
        summary: nul.trimmed(content["brief"].as_str()),
        insights: insights::insights(&content, &interaction, &collaboration, spoken, &parties, &mut nul),
        linked_records: context::linked_records(call, &mut nul),
        attributes: kept::kept(meta, call, &parties, is_mended, &mut nul),
        attendees: parties.into_attendees(),
        nul_characters_removed: nul.removed,
        external_id,
    }
}

/// From start to end; a call that was never begun has the time it was planned for.
fn span(meta: &Meta<'_>) -> (Option<Timestamp>, Option<Timestamp>) {
    let started = meta.started.get().or_else(|| meta.scheduled.get()).map(|moment| moment.at);
    let length = meta.duration.get().filter(|seconds| *seconds >= 0.0);
    let length = length.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    let ended = started.zip(length).and_then(|(start, length)| start.checked_add(length).ok());
    (started, ended)
}
