//! What a stored conversation is made of beside its own row: the link to an account, and the text of what was said.

pub mod decision;

use jiff::Timestamp;
use model::{AccountId, ConversationId, Segment};
use serde_json::Value;

use crate::{StoreError, Tx};

/// Which account a conversation is on, and what spoke for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The account; `None` waits, visible, for one.
    pub account: Option<AccountId>,
    /// How it was found: `vendor-record`, `contact`, `domain`, `none`; `person` comes only from [`decision::put`].
    pub rule: String,
    /// Version of the rules.
    pub rule_version: i32,
    /// What spoke for it, and the candidates that lost.
    pub evidence: Value,
}

/// When a conversation was first seen and last changed; `None` when it is not there.
pub async fn seen(tx: &Tx, id: ConversationId) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    let sql = "SELECT first_seen_at, updated_at FROM conversations WHERE conversation_id = $1";
    let row = tx.query_opt(sql, &[&id.0]).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Stands in the array for a time that is not known, and for no speaker.
const UNKNOWN: i32 = -1;

/// A transcript as it is stored: one text, the segments as four integers each, the speakers once each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TranscriptText {
    pub(crate) body: String,
    pub(crate) segments: Vec<i32>,
    pub(crate) speakers: Vec<String>,
}

impl TranscriptText {
    /// Lays segments out; a line feed parts one from the next, so that words do not run together in the text.
    pub(crate) fn of(segments: &[Segment]) -> Result<Self, StoreError> {
        let mut text = Self::default();
        for segment in segments {
            if !text.segments.is_empty() {
                text.body.push('\n');
            }
            text.body.push_str(&segment.text);
            let end = i32::try_from(text.body.len()).map_err(|_| StoreError::Data {
                sqlstate: "54000".to_owned(),
                message: "a transcript of more than 2 GiB".to_owned(),
            })?;
            let speaker = segment.speaker.as_deref().map_or(UNKNOWN, |name| text.speaker(name));
            let time = |ms: Option<i32>| ms.map_or(UNKNOWN, |ms| ms.max(0));
            text.segments.extend([time(segment.start_ms), time(segment.end_ms), speaker, end]);
        }
        Ok(text)
    }

    fn speaker(&mut self, name: &str) -> i32 {
        let known = self.speakers.iter().position(|known| known == name).unwrap_or_else(|| {
            self.speakers.push(name.to_owned());
            self.speakers.len() - 1
        });
        i32::try_from(known).unwrap_or(UNKNOWN)
    }

    /// Reads the segments back.
    pub(crate) fn segments(&self) -> Result<Vec<Segment>, StoreError> {
        let broken = || StoreError::Row("a transcript whose segments do not fit its text".to_owned());
        let mut from = 0;
        let mut segments = Vec::with_capacity(self.segments.len() / 4);
        for four in self.segments.chunks_exact(4) {
            let to = usize::try_from(four[3]).map_err(|_| broken())?;
            let text = self.body.get(from..to).ok_or_else(broken)?;
            from = to + 1;
            let speaker =
                usize::try_from(four[2]).ok().map(|index| self.speakers.get(index).ok_or_else(broken));
            segments.push(Segment {
                speaker: speaker.transpose()?.cloned(),
                start_ms: (four[0] >= 0).then_some(four[0]),
                end_ms: (four[1] >= 0).then_some(four[1]),
                text: text.to_owned(),
            });
        }
        Ok(segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(speaker: Option<&str>, start_ms: Option<i32>, text: &str) -> Segment {
        Segment { speaker: speaker.map(str::to_owned), start_ms, end_ms: None, text: text.to_owned() }
    }

    #[test]
    fn segments_come_back_as_they_were_laid_out() {
        let segments = vec![
            segment(Some("Zoë"), Some(0), "Grüße, 👩‍👩‍👧\nand a second line"),
            segment(None, None, ""),
            segment(Some("Bob"), Some(1500), "ok"),
            segment(Some("Zoë"), Some(i32::MAX), ""),
        ];
        let text = TranscriptText::of(&segments).unwrap();
        assert_eq!(text.speakers, ["Zoë", "Bob"]);
        assert_eq!(text.segments().unwrap(), segments);
        assert_eq!(TranscriptText::of(&[]).unwrap(), TranscriptText::default());
    }

    #[test]
    fn a_broken_array_is_an_error_and_no_panic() {
        for segments in [vec![0, 0, 0, 2], vec![0, 0, -1, 9], vec![0, 0, 7, 1], vec![0, 0, -1, -1]] {
            let text = TranscriptText { body: "aä".to_owned(), segments, speakers: vec!["A".to_owned()] };
            assert!(text.segments().is_err());
        }
    }
}
