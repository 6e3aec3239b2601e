//! Transcripts in every shape that was seen: a text, a list of segments, an object around one.

mod flat;
mod segments;
mod shape;
mod words;

use std::borrow::Cow;

use model::{Attendee, Transcript, TranscriptStatus};
use serde_json::value::RawValue;

use super::attributes::Person;
use super::sources::Sources;
use crate::nul::NulSweeper;

/// How far a status string says that something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    Failed,
    Pending,
}

impl Progress {
    /// Status strings come in any case; what is not known, or absent, may still change.
    pub(super) fn of(status: Option<&str>) -> Self {
        match status.unwrap_or_default().trim().to_lowercase().as_str() {
            "completed" | "complete" | "ready" | "finished" | "done" => Self::Done,
            "failed" | "error" | "discarded" | "unavailable" => Self::Failed,
            _ => Self::Pending,
        }
    }
}

/// A segment with times still in the vendor's unit.
struct Spoken<'a> {
    speaker: Speaker<'a>,
    start: Option<f64>,
    end: Option<f64>,
    text: String,
}

/// Who spoke.
#[derive(Default)]
enum Speaker<'a> {
    #[default]
    Nobody,
    /// As the vendor labels it.
    Label(Cow<'a, str>),
    /// To be found among the attendees.
    Person(Box<Person<'a>>),
}

/// Whether there is any text in it, of whatever shape.
pub(super) fn has_text(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| !shape::spoken(raw).is_empty())
}

/// Reads the first transcript that has text; the status only matters when none has.
pub(super) fn transcript(
    sources: Sources<'_, '_>,
    duration_s: Option<f64>,
    people: &[Attendee],
    nul: &mut NulSweeper,
) -> Transcript {
    let found = sources.iter().filter_map(|one| one.transcript).map(shape::spoken);
    if let Some(spoken) = found.into_iter().find(|spoken| !spoken.is_empty()) {
        let segments = segments::segments(spoken, duration_s, people, nul);
        return Transcript { status: TranscriptStatus::Ready, segments };
    }
    let status = match Progress::of(sources.transcript_status().as_deref()) {
        Progress::Failed => TranscriptStatus::None,
        Progress::Done | Progress::Pending => TranscriptStatus::Pending,
    };
    Transcript { status, segments: Vec::new() }
}
