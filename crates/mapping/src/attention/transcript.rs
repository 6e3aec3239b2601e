//! Transcripts in every shape that was seen: a text, a list of segments, an object around one.

use std::borrow::Cow;

use model::{Attendee, Segment, Transcript, TranscriptStatus};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::attributes::Person;
use crate::json::{Lenient, Number, Text};
use crate::nul::NulSweeper;

/// A name in front of a line of a flat transcript is not longer than this.
const SPEAKER_CHARS_MAX: usize = 64;

/// Timestamps beyond the recording's length by this factor are milliseconds.
const MILLISECONDS_FACTOR: f64 = 100.0;

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

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wrapper<'a> {
    #[serde(borrow, rename = "final")]
    last: Option<&'a RawValue>,
    #[serde(borrow)]
    segments: Option<&'a RawValue>,
    #[serde(borrow)]
    v2: Option<&'a RawValue>,
    #[serde(borrow)]
    v1: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    speaker: Option<&'a RawValue>,
    #[serde(borrow)]
    sentence: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    words: Lenient<Vec<Word<'a>>>,
    #[serde(rename = "startTimestamp")]
    start_timestamp: Number,
    #[serde(rename = "endTimestamp")]
    end_timestamp: Number,
    start: Number,
    end: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Word<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(rename = "startTimestamp")]
    start: Number,
    #[serde(rename = "endTimestamp")]
    end: Number,
}

/// A segment with times still in the vendor's unit.
struct Spoken<'a> {
    speaker: Option<Cow<'a, str>>,
    person: Option<Person<'a>>,
    start: Option<f64>,
    end: Option<f64>,
    text: String,
}

/// Whether there is any text in it, of whatever shape.
pub(super) fn has_text(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| !spoken(raw).is_empty())
}

/// Reads the first of the given transcripts that has text; the status only matters when none has.
pub(super) fn transcript(
    candidates: &[Option<&RawValue>],
    status: Option<&str>,
    duration_s: Option<f64>,
    people: &[Attendee],
    nul: &mut NulSweeper,
) -> Transcript {
    let found = candidates.iter().flatten().map(|raw| spoken(raw)).find(|spoken| !spoken.is_empty());
    if let Some(spoken) = found {
        return Transcript {
            status: TranscriptStatus::Ready,
            segments: segments(spoken, duration_s, people, nul),
        };
    }
    let status = match Progress::of(status) {
        Progress::Failed => TranscriptStatus::None,
        Progress::Done | Progress::Pending => TranscriptStatus::Pending,
    };
    Transcript { status, segments: Vec::new() }
}

fn spoken(raw: &RawValue) -> Vec<Spoken<'_>> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(text).map(|flat| lines(&flat)).unwrap_or_default(),
        Some(b'[') => items(text),
        Some(b'{') => unwrap(text),
        _ => Vec::new(),
    }
}

fn unwrap(text: &str) -> Vec<Spoken<'_>> {
    let Ok(wrapper) = serde_json::from_str::<Wrapper<'_>>(text) else { return Vec::new() };
    let inner = [wrapper.last, wrapper.segments, wrapper.v2, wrapper.v1];
    let found = inner.into_iter().flatten().map(spoken).find(|spoken| !spoken.is_empty());
    found.unwrap_or_else(|| wrapper.text.get().map(lines_owned).unwrap_or_default())
}

fn lines_owned<'a>(flat: &str) -> Vec<Spoken<'a>> {
    lines(flat)
}

/// A flat text: lines of "Name: words" where it is so, else one segment.
fn lines<'a>(flat: &str) -> Vec<Spoken<'a>> {
    let mut segments: Vec<Spoken<'a>> = Vec::new();
    for line in flat.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let named = line.split_once(": ").filter(|(name, _)| {
            let length = name.chars().count();
            (1..=SPEAKER_CHARS_MAX).contains(&length) && name.chars().next().is_some_and(char::is_alphabetic)
        });
        match (named, segments.last_mut()) {
            (Some((name, words)), _) => segments.push(flat_segment(Some(name), words)),
            (None, Some(last)) => {
                last.text.push(' ');
                last.text.push_str(line);
            }
            (None, None) => segments.push(flat_segment(None, line)),
        }
    }
    segments.retain(|segment| !segment.text.trim().is_empty());
    segments
}

fn flat_segment<'a>(speaker: Option<&str>, text: &str) -> Spoken<'a> {
    let speaker = speaker.map(|name| Cow::Owned(name.to_owned()));
    Spoken { speaker, person: None, start: None, end: None, text: text.to_owned() }
}

fn items(text: &str) -> Vec<Spoken<'_>> {
    let Ok(items) = serde_json::from_str::<Vec<Lenient<Item<'_>>>>(text) else { return Vec::new() };
    let segments = items.iter().filter_map(Lenient::as_ref).map(segment);
    segments.filter(|segment| !segment.text.is_empty()).collect()
}

fn segment<'a>(item: &Item<'a>) -> Spoken<'a> {
    let words = item.words.as_ref().map_or(&[][..], Vec::as_slice);
    let said = item.sentence.get().or_else(|| item.text.get());
    let text = said.map_or_else(|| join(words), |said| collapse(said.trim()));
    let first = words.iter().find_map(|word| word.start.0);
    let last = words.iter().rev().find_map(|word| word.end.0);
    let (speaker, person) = item.speaker.map(speaker).unwrap_or_default();
    let start = item.start_timestamp.0.or(item.start.0).or(first);
    let end = item.end_timestamp.0.or(item.end.0).or(last);
    Spoken { speaker, person, start, end, text }
}

/// A speaker is a label or a person.
fn speaker(raw: &RawValue) -> (Option<Cow<'_, str>>, Option<Person<'_>>) {
    if raw.get().starts_with('{') {
        return (None, serde_json::from_str(raw.get()).ok());
    }
    (serde_json::from_str::<Text<'_>>(raw.get()).ok().and_then(|text| text.0), None)
}

/// Joins words: a space only where neither side has one and no punctuation follows.
fn join(words: &[Word<'_>]) -> String {
    let mut text = String::new();
    for word in words.iter().filter_map(|word| word.text.0.as_deref()) {
        let seam = text.ends_with(char::is_whitespace) || word.starts_with(char::is_whitespace);
        let punctuation = word.starts_with([',', '.', '!', '?', ';', ':', '…', '\'', '’', ')', ']', '%']);
        if !text.is_empty() && !seam && !punctuation {
            text.push(' ');
        }
        text.push_str(word);
    }
    collapse(text.trim())
}

fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut after_space = false;
    for c in text.chars() {
        let space = c.is_whitespace();
        if !(space && after_space) {
            collapsed.push(if space { ' ' } else { c });
        }
        after_space = space;
    }
    collapsed
}

fn segments(
    spoken: Vec<Spoken<'_>>,
    duration_s: Option<f64>,
    people: &[Attendee],
    nul: &mut NulSweeper,
) -> Vec<Segment> {
    let latest = spoken.iter().flat_map(|one| [one.start, one.end]).flatten().fold(0.0, f64::max);
    let in_milliseconds =
        duration_s.is_some_and(|duration| duration > 0.0 && latest > duration * MILLISECONDS_FACTOR);
    let factor = if in_milliseconds { 1.0 } else { 1000.0 };
    // a missing time is the end of what was said before, once there is one
    let mut before: Option<i32> = None;
    spoken
        .into_iter()
        .map(|one| {
            let start_ms = one.start.map(|time| milliseconds(time * factor)).or(before);
            let end_ms = one.end.map(|time| milliseconds(time * factor)).or(start_ms);
            before = end_ms.or(before);
            let speaker = one.speaker.as_deref().map(str::to_owned);
            let speaker = speaker.or_else(|| one.person.as_ref().and_then(|person| name_of(person, people)));
            let speaker = speaker.map(|name| nul.text(name.trim())).filter(|name| !name.is_empty());
            Segment { speaker, start_ms, end_ms, text: nul.text(&one.text) }
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the range before")]
fn milliseconds(time: f64) -> i32 {
    time.round().clamp(0.0, f64::from(i32::MAX)) as i32
}

/// The attendee a speaker is, by id, address, exact name; else the speaker's own name.
fn name_of(person: &Person<'_>, people: &[Attendee]) -> Option<String> {
    let by_id =
        |one: &&Attendee| person.id.get().is_some_and(|id| one.vendor_person_id.as_deref() == Some(id));
    let by_email = |one: &&Attendee| {
        let email = person.email.get().map(str::to_lowercase);
        email.is_some() && one.email.as_deref().map(str::to_lowercase) == email
    };
    let known = people.iter().find(by_id).or_else(|| people.iter().find(by_email));
    let known_name = known.and_then(|one| one.name.clone().or_else(|| one.email.clone()));
    known_name.or_else(|| person.name.get().or(person.email.get()).map(str::to_owned))
}
