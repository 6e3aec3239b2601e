//! A row of the list: enough to decide what it needs.

use model::SkipReason;
use serde_json::value::RawValue;

use super::call::Call;
use crate::ListedRow;
use crate::json::mended;

/// Reads a row. Never fails: what cannot be read has no id, and its document will say why. Gong lists private calls to whoever holds a
/// company's key, so leaving them out is our duty.
pub fn listed_row(row: &RawValue) -> ListedRow {
    let (readable, _) = mended(row);
    let meta = Call::read(&readable).meta(&readable);
    let id = meta.as_ref().and_then(|meta| meta.id.get());
    let started_at = meta.as_ref().and_then(|meta| Some(meta.started.get()?.at));
    let private = meta.is_some_and(|meta| meta.private.get().unwrap_or(false));
    ListedRow::of(
        row,
        id.as_deref(),
        started_at,
        if private { vec![SkipReason::Private] } else { Vec::new() },
    )
}
