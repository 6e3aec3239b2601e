//! A row of the list: enough to decide what it needs.

use model::SkipReason;
use serde_json::value::RawValue;

use super::attributes::Resource;
use super::sources::Sources;
use super::transcript;
use super::when::When;
use crate::ListedRow;
use crate::json::mended;

/// Reads a row. Never fails: what cannot be read has no id, and its document will say why.
pub fn listed_row(row: &RawValue) -> ListedRow {
    let (readable, _) = mended(row);
    let resource = Resource::read(&readable);
    let happened_at =
        resource.attributes.as_ref().and_then(|attributes| When::of(Sources(&[attributes])).started_at);
    ListedRow::of(row, resource.id.as_deref(), happened_at, reasons(&resource))
}

fn reasons(resource: &Resource<'_>) -> Vec<SkipReason> {
    let Some(attributes) = &resource.attributes else { return Vec::new() };
    let all = [attributes];
    let sources = Sources(&all);
    let empty = is_marked_empty(sources) && !transcript::has_text(attributes.transcript);
    let marks = [
        (SkipReason::Private, attributes.private.get().unwrap_or(false)),
        (SkipReason::Archived, attributes.archived.get().unwrap_or(false)),
        (SkipReason::Empty, empty),
    ];
    marks.into_iter().filter_map(|(reason, marked)| marked.then_some(reason)).collect()
}

/// Marked as empty, or of no length: a call that is only just being recorded is looked at again when its row changes. A transcript is
/// stronger than both.
pub(super) fn is_marked_empty(sources: Sources<'_, '_>) -> bool {
    let marked = sources.flag(|one| one.is_empty.get());
    marked || sources.first(|one| one.media_duration.get()) == Some(0.0)
}
