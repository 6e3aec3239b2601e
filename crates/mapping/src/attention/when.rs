//! Start, end and length, from what the vendor says of them.

use jiff::{SignedDuration, Timestamp};

use super::sources::Sources;

/// When a conversation took place.
pub(super) struct When {
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    /// Positive.
    pub(super) duration_s: Option<f64>,
}

impl When {
    pub(super) fn of(sources: Sources<'_, '_>) -> Self {
        let live_started_at = sources.first(|one| one.live_started_at.get());
        let live_ended_at = sources.first(|one| one.live_ended_at.get());
        let finished_at = sources.first(|one| one.finished_at.get());
        let said = sources.first(|one| one.media_duration.get().filter(|seconds| *seconds > 0.0));
        let live = live_started_at.zip(live_ended_at);
        let live = live.map(|(start, end)| end.duration_since(start).as_secs_f64());
        let duration_s = said.or(live.filter(|seconds| *seconds > 0.0));
        // the recorder's own start; else the end less the length; else when the row was made
        let started_at = live_started_at
            .or_else(|| before(finished_at.or(live_ended_at)?, duration_s?))
            .or_else(|| sources.first(|one| one.created_at.get()));
        Self { started_at, ended_at: live_ended_at.or(finished_at), duration_s }
    }
}

fn before(end: Timestamp, duration_s: f64) -> Option<Timestamp> {
    let start = end.checked_sub(SignedDuration::try_from_secs_f64(duration_s).ok()?).ok()?;
    // a length of decades is nonsense
    (start.as_second() >= 0).then_some(start)
}
