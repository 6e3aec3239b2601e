//! What was said, and the shapes it is written in. Written as text at once: a tree of JSON values for 2,700 words
//! would cost more than everything else in a document.

use std::fmt::Write;

use serde_json::json;

use crate::dice::Dice;
use crate::speech::{SPEECH, Spoken, spoken};
use crate::world::{DocumentSize, Plan, Shape};

struct Speaker {
    name: String,
    /// As JSON.
    name_json: String,
    object_json: String,
}

/// The transcript of a detail as JSON; nothing if the field is missing.
pub(crate) fn of_detail(plan: &Plan, detailed: bool) -> Option<String> {
    if !plan.has_transcript() {
        return absent(plan);
    }
    let (speakers, spoken) = (speakers(plan), spoken(plan));
    Some(match plan.shape {
        Shape::Detailed { spaced } if detailed => words_by_speaker(&speakers, &spoken, spaced, coarse(plan)),
        Shape::Detailed { .. } => sentences(&speakers, &spoken, false, None),
        Shape::Final { under, speaker_objects, in_words: false } => {
            sentences(&speakers, &spoken, speaker_objects, under)
        }
        Shape::Final { under, in_words: true, .. } => {
            let items = words_by_speaker(&speakers, &spoken, true, true);
            nested(&format!("{{\"final\":{items},\"pieceInFlux\":\"\"}}"), under)
        }
        Shape::Lines => json!(lines(&speakers, &spoken)).to_string(),
        Shape::Plain => json!(plain(&spoken)).to_string(),
        Shape::Text => json!({ "text": plain(&spoken) }).to_string(),
        Shape::Segments => segments(&speakers, &spoken),
    })
}

/// The transcript of a list row as JSON: one flat text.
pub(crate) fn of_row(plan: &Plan) -> String {
    if !plan.has_transcript() {
        return "\"\"".to_owned();
    }
    json!(lines(&speakers(plan), &spoken(plan))).to_string()
}

/// Small documents have phrases where large ones have words.
fn coarse(plan: &Plan) -> bool {
    !matches!(plan.size, DocumentSize::Large)
}

/// Everything the vendor has been seen to write where there is nothing.
fn absent(plan: &Plan) -> Option<String> {
    let shapes = ["{}", "null", "\"\"", "[]", "{\"final\":[]}"];
    shapes.get(Dice::of(&[plan.style, SPEECH, 1]).below(shapes.len() + 1)).map(|shape| (*shape).to_owned())
}

fn speakers(plan: &Plan) -> Vec<Speaker> {
    let mut speakers: Vec<Speaker> = plan
        .people
        .iter()
        .filter(|person| person.speaks())
        .map(|person| {
            let name = person.name.clone().unwrap_or_default();
            let object = json!({ "id": person.id, "email": person.email, "name": name });
            Speaker { name_json: json!(name).to_string(), object_json: object.to_string(), name }
        })
        .collect();
    while speakers.len() < 2 {
        let name = format!("Speaker {}", speakers.len() + 1);
        let object_json = json!({ "name": name }).to_string();
        speakers.push(Speaker { name_json: json!(name).to_string(), object_json, name });
    }
    speakers
}

fn sentences(speakers: &[Speaker], spoken: &[Spoken], objects: bool, under: Option<&str>) -> String {
    let items = array(spoken, |out, segment| {
        let speaker = &speakers[segment.speaker];
        let label = if objects { &speaker.object_json } else { &speaker.name_json };
        let _ = write!(out, "{{\"speaker\":{label},\"sentence\":\"{}.\",", segment.words.join(" "));
        push_times(out, segment.start_ms, segment.end_ms);
    });
    nested(&format!("{{\"final\":{items},\"pieceInFlux\":null}}"), under)
}

fn words_by_speaker(speakers: &[Speaker], spoken: &[Spoken], spaced: bool, coarse: bool) -> String {
    array(spoken, |out, segment| {
        let _ = write!(out, "{{\"speaker\":{},\"words\":[", speakers[segment.speaker].object_json);
        push_words(out, segment, spaced, if coarse { segment.words.len().div_ceil(2) } else { 1 });
        out.push_str("]}");
    })
}

fn push_words(out: &mut String, segment: &Spoken, spaced: bool, words_each: usize) {
    let pieces: Vec<String> = segment.words.chunks(words_each).map(|words| words.join(" ")).collect();
    let each_ms = (segment.end_ms - segment.start_ms) / i64::try_from(pieces.len()).unwrap_or(1).max(1);
    let mut start_ms = segment.start_ms;
    for (place, piece) in pieces.iter().enumerate() {
        let last = place + 1 == pieces.len();
        let end = if last {
            "."
        } else if spaced {
            " "
        } else {
            ""
        };
        let _ = write!(out, "{{\"text\":\"{piece}{end}\",");
        push_times(out, start_ms, start_ms + each_ms);
        start_ms += each_ms;
        if !last {
            out.push(',');
        }
    }
}

fn segments(speakers: &[Speaker], spoken: &[Spoken]) -> String {
    let items = array(spoken, |out, segment| {
        let label = &speakers[segment.speaker].name_json;
        let (seconds, thousandths) = (segment.start_ms / 1000, segment.start_ms % 1000);
        let text = segment.words.join(" ");
        let _ =
            write!(out, "{{\"speaker\":{label},\"start\":{seconds}.{thousandths:03},\"text\":\"{text}.\"}}");
    });
    format!("{{\"segments\":{items}}}")
}

fn lines(speakers: &[Speaker], spoken: &[Spoken]) -> String {
    let lines = spoken.iter().map(|segment| (&speakers[segment.speaker].name, segment.words.join(" ")));
    lines.map(|(name, text)| format!("{name}: {text}.")).collect::<Vec<_>>().join("\n")
}

fn plain(spoken: &[Spoken]) -> String {
    spoken.iter().map(|segment| segment.words.join(" ") + ".").collect::<Vec<_>>().join(" ")
}

fn array(spoken: &[Spoken], push: impl Fn(&mut String, &Spoken)) -> String {
    let mut out = String::with_capacity(spoken.len() * 200 + 2);
    out.push('[');
    for (place, segment) in spoken.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push(&mut out, segment);
    }
    out.push(']');
    out
}

/// Seconds with fractions, as the vendor writes them; closes the object.
fn push_times(out: &mut String, start_ms: i64, end_ms: i64) {
    let _ = write!(out, "\"startTimestamp\":{}.{:03},", start_ms / 1000, start_ms % 1000);
    let _ = write!(out, "\"endTimestamp\":{}.{:03}}}", end_ms / 1000, end_ms % 1000);
}

fn nested(transcript: &str, under: Option<&str>) -> String {
    under.map_or_else(|| transcript.to_owned(), |key| format!("{{\"{key}\":{transcript}}}"))
}
