//! What was said: monologues with times in milliseconds, speakers by ids that only the parties explain.

use model::{Segment, Transcript, TranscriptStatus};
use serde_json::value::RawValue;

use super::people::Parties;
use crate::json::{Field, Id, List, Number, OfText, Text, tolerant};
use crate::nul::NulSweeper;
use crate::time::milliseconds;

tolerant!(
    /// One call's entry in the list of transcripts.
    struct Entry<'a> {
        transcript "transcript": Field<'a, List<Monologue<'a>>>,
    }
);

tolerant!(
    /// What one speaker said without a break.
    pub(super) struct Monologue<'a> {
        pub(super) speaker_id "speakerId": Id<'a>,
        pub(super) topic "topic": Text<'a>,
        sentences "sentences": Field<'a, List<Sentence<'a>>>,
    }
);

tolerant!(
    struct Sentence<'a> {
        start "start": Number,
        end "end": Number,
        text "text": Text<'a>,
    }
);

impl OfText<'_> for Entry<'_> {}
impl OfText<'_> for Monologue<'_> {}

impl<'de: 'a, 'a> OfText<'de> for Sentence<'a> {
    fn of_text(text: std::borrow::Cow<'de, str>) -> Self {
        Self { text: Text(Some(text)), ..Self::default() }
    }
}

/// The monologues in which anything was said.
#[derive(Default)]
pub(super) struct Spoken<'a>(Vec<Said<'a>>);

struct Said<'a> {
    monologue: Monologue<'a>,
    start: Option<f64>,
    end: Option<f64>,
    text: String,
}

impl<'a> Spoken<'a> {
    pub(super) fn read(entry: &'a RawValue) -> Self {
        let entry: Entry<'a> = serde_json::from_str(entry.get()).unwrap_or_default();
        let said = entry.transcript.get().unwrap_or_default().into_iter().map(said);
        Self(said.filter(|one| one.text.contains(|c: char| !c.is_whitespace() && c != '\0')).collect())
    }

    /// The topics in the order they came up, with the millisecond each began.
    pub(super) fn topics(&self) -> Vec<(&str, Option<f64>)> {
        let mut topics: Vec<(&str, Option<f64>)> = Vec::new();
        for one in &self.0 {
            let Some(topic) = one.monologue.topic.get() else { continue };
            if topics.last().is_none_or(|(last, _)| *last != topic) {
                topics.push((topic, one.start));
            }
        }
        topics
    }
}

fn said(monologue: Monologue<'_>) -> Said<'_> {
    let sentences = monologue.sentences.get().unwrap_or_default();
    let texts: Vec<&str> = sentences.iter().filter_map(|one| one.text.get()).map(str::trim).collect();
    Said {
        start: sentences.iter().find_map(|one| one.start.0),
        end: sentences.iter().rev().find_map(|one| one.end.0),
        text: texts.join(" "),
        monologue,
    }
}

/// The transcript. Without words it is pending, unless the language says that none will come.
pub(super) fn transcript(
    spoken: &Spoken<'_>,
    has_no_words: bool,
    parties: &Parties,
    nul: &mut NulSweeper,
) -> Transcript {
    if spoken.0.is_empty() {
        let status = if has_no_words { TranscriptStatus::None } else { TranscriptStatus::Pending };
        return Transcript { status, segments: Vec::new() };
    }
    // a missing time is the end of what was said before, once there is one
    let mut before: Option<i32> = None;
    let segments = spoken.0.iter().map(|one| {
        let start_ms = one.start.map(milliseconds).or(before);
        let end_ms = one.end.map(milliseconds).max(start_ms);
        before = end_ms.or(before);
        let id = nul.trimmed(one.monologue.speaker_id.get());
        let speaker = id.map(|id| parties.speaker(&id).to_owned());
        Segment { speaker, start_ms, end_ms, text: nul.text(&one.text) }
    });
    Transcript { segments: segments.collect(), status: TranscriptStatus::Ready }
}
