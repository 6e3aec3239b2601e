//! A transcript that is one text.

use std::borrow::Cow;

use super::{Speaker, Spoken};

/// A name in front of a line is not longer than this.
const SPEAKER_CHARS_MAX: usize = 64;

/// Nor of more words: what is longer is a sentence with a colon in it.
const SPEAKER_WORDS_MAX: usize = 6;

/// Lines of "Name: words" where it is so, else one segment.
pub(super) fn lines<'a>(flat: &str) -> Vec<Spoken<'a>> {
    let mut segments: Vec<Spoken<'a>> = Vec::new();
    for line in flat.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let named = line.split_once(": ").filter(|(name, _)| is_name(name));
        match (named, segments.last_mut()) {
            (Some((name, words)), _) => segments.push(segment(Some(name), words)),
            (None, Some(last)) => {
                last.text.push(' ');
                last.text.push_str(line);
            }
            (None, None) => segments.push(segment(None, line)),
        }
    }
    segments
}

fn is_name(text: &str) -> bool {
    text.starts_with(char::is_alphabetic)
        && text.chars().count() <= SPEAKER_CHARS_MAX
        && text.split_whitespace().count() <= SPEAKER_WORDS_MAX
}

fn segment<'a>(speaker: Option<&str>, text: &str) -> Spoken<'a> {
    let speaker = speaker.map_or(Speaker::Nobody, |name| Speaker::Label(Cow::Owned(name.to_owned())));
    Spoken { speaker, start: None, end: None, text: text.trim().to_owned() }
}
