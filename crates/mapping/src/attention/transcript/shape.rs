//! The shapes a transcript comes in; told apart by what they are, never by a status.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::flat::lines;
use super::words::{collapse, join};
use super::{Speaker, Spoken};
use crate::json::{Number, OfText, Text, text, tolerant};

/// Objects around a transcript: one was seen (`v2`), and a hostile document must not nest us to death.
const WRAPPERS_MAX: usize = 4;

tolerant!(
    struct Wrapper<'a> {
        last "final": Option<&'a RawValue>,
        segments "segments": Option<&'a RawValue>,
        v2 "v2": Option<&'a RawValue>,
        v1 "v1": Option<&'a RawValue>,
        text "text": Option<&'a RawValue>,
    }
);

tolerant!(
    struct Item<'a> {
        speaker "speaker": Option<&'a RawValue>,
        sentence "sentence": Text<'a>,
        text "text": Text<'a>,
        words "words": Words<'a>,
        start_timestamp "startTimestamp": Number,
        end_timestamp "endTimestamp": Number,
        start "start": Number,
        end "end": Number,
    }
);

tolerant!(
    struct Word<'a> {
        text "text": Text<'a>,
        start "startTimestamp": Number,
        end "endTimestamp": Number,
    }
);

impl OfText<'_> for Wrapper<'_> {}

impl<'de: 'a, 'a> OfText<'de> for Item<'a> {
    fn of_text(text: Cow<'de, str>) -> Self {
        Self { text: Text(Some(text)), ..Self::default() }
    }
}

impl<'de: 'a, 'a> OfText<'de> for Word<'a> {
    fn of_text(text: Cow<'de, str>) -> Self {
        Self { text: Text(Some(text)), ..Self::default() }
    }
}

/// A list of words; anything else is an empty one.
#[derive(Default)]
struct Words<'a>(Vec<Word<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(elements(<&'de RawValue>::deserialize(deserializer)?.get())))
    }
}

/// The elements of a list. Read at once, which is fast; one by one if one of them is beyond reading.
fn elements<'a, T: Deserialize<'a> + Default>(text: &'a str) -> Vec<T> {
    serde_json::from_str::<Vec<T>>(text).unwrap_or_else(|_| {
        let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        elements.into_iter().filter_map(|element| serde_json::from_str(element.get()).ok()).collect()
    })
}

/// Everything that was said, in order of appearance; nothing in it is without text.
pub(super) fn spoken(raw: &RawValue) -> Vec<Spoken<'_>> {
    let mut spoken = unwrap(raw, WRAPPERS_MAX);
    spoken.retain(|one| one.text.contains(|c: char| !c.is_whitespace() && c != '\0'));
    spoken
}

fn unwrap(raw: &RawValue, wrappers: usize) -> Vec<Spoken<'_>> {
    match (raw.get().as_bytes().first(), wrappers) {
        (Some(b'"'), _) => text(raw).map(|flat| lines(&flat)).unwrap_or_default(),
        (Some(b'['), _) => elements::<Item<'_>>(raw.get()).iter().map(segment).collect(),
        (Some(b'{'), 1..) => {
            let wrapper: Wrapper<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            let inner = [wrapper.last, wrapper.segments, wrapper.v2, wrapper.v1, wrapper.text];
            let unwrapped = inner.into_iter().flatten().map(|inner| unwrap(inner, wrappers - 1));
            unwrapped.into_iter().find(|spoken| !spoken.is_empty()).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn segment<'a>(item: &Item<'a>) -> Spoken<'a> {
    let words = &item.words.0;
    let said = item.sentence.get().or_else(|| item.text.get());
    let text = said.map_or_else(|| join(words.iter().filter_map(|word| word.text.0.as_deref())), collapse);
    let first = words.iter().find_map(|word| word.start.0);
    let last = words.iter().rev().find_map(|word| word.end.0);
    Spoken {
        speaker: item.speaker.map(speaker).unwrap_or_default(),
        start: item.start_timestamp.0.or(item.start.0).or(first),
        end: item.end_timestamp.0.or(item.end.0).or(last),
        text,
    }
}

/// A speaker is a label or a person.
fn speaker(raw: &RawValue) -> Speaker<'_> {
    if raw.get().starts_with('{') {
        return serde_json::from_str(raw.get()).map_or(Speaker::Nobody, Speaker::Person);
    }
    Text::of(raw).0.map_or(Speaker::Nobody, Speaker::Label)
}
