//! A conversation out of its details and its list row.

use model::{Conversation, VendorKey};
use serde_json::value::RawValue;

use super::attributes::{Attributes, Resource};
use super::row::is_marked_empty;
use super::sources::Sources;
use super::summary::summary;
use super::when::When;
use super::{insights, kept, links, people, place, transcript};
use crate::MappingError;
use crate::json::mended;
use crate::nul::NulSweeper;

/// Maps a conversation. The details win, the list row fills what they do not say; the id is the one that was listed.
pub fn conversation(
    listed: Option<&RawValue>,
    detail: Option<&RawValue>,
) -> Result<Conversation, MappingError> {
    let listed = listed.map(mended);
    let detail = detail.map(mended);
    let is_mended = [&listed, &detail].into_iter().flatten().any(|(_, is_mended)| *is_mended);
    let row = listed.as_ref().map(|(raw, _)| Resource::read(raw));
    let details = detail.as_ref().map(|(raw, _)| Resource::read(raw));
    let strongest = details.as_ref().or(row.as_ref()).ok_or(MappingError::NoDocument)?;
    // broken details are not hidden behind the row
    strongest.attributes.as_ref().ok_or(MappingError::NoAttributes)?;
    let mut ids = [&row, &details].into_iter().flatten();
    let id = ids.find_map(|resource| resource.id.as_deref()).ok_or(MappingError::NoId)?;
    let attributes: Vec<&Attributes<'_>> =
        [&details, &row].into_iter().flatten().filter_map(|resource| resource.attributes.as_ref()).collect();
    Ok(read(id, Sources(&attributes), is_mended))
}

fn read(id: &str, sources: Sources<'_, '_>, is_mended: bool) -> Conversation {
    let mut nul = NulSweeper::default();
    let external_id = VendorKey::of(id);
    let attendees = people::attendees(sources, &mut nul);
    let insights = insights::insights(sources, &mut nul);
    let when = When::of(sources);
    let transcript = transcript::transcript(sources, when.duration_s, &attendees, &mut nul);
    let (platform, join_url) = place::platform(sources, &mut nul);
    Conversation {
        title: nul.trimmed(sources.first(|one| one.title.get()).as_deref()),
        // a hash in the place of an id leads nowhere
        url: (external_id.as_str() == id).then(|| place::url(id)),
        started_at: when.started_at,
        ended_at: when.ended_at,
        duration_s: when.duration_s,
        platform,
        join_url,
        calendar_event_id: None,
        private: sources.flag(|one| one.private.get()),
        archived: sources.flag(|one| one.archived.get()),
        empty: transcript.segments.is_empty() && is_marked_empty(sources),
        owner: people::owner(sources, &mut nul),
        attendees,
        transcript,
        summary: summary(&insights),
        insights,
        linked_records: links::linked_records(sources, &mut nul),
        attributes: kept::kept(sources, is_mended, &mut nul),
        nul_characters_removed: nul.removed,
        external_id,
    }
}
