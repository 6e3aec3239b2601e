//! Cursors: signed, for one request only, and dead an hour after the first page.

use super::refusal;
use crate::dice::{Dice, of_text};
use crate::reply::Reply;

/// How long a sequence of pages lives; using it does not renew it.
const LIFE_MS: i64 = 3_600_000;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// When the first page of the sequence was asked for.
    pub(crate) began_ms: i64,
    /// The last call of the page before: its start and its index.
    pub(crate) after: (i64, u64),
    pub(crate) page: u64,
}

impl Cursor {
    /// As it goes to the client.
    pub(crate) fn sealed(self, salt: u64, fingerprint: u64) -> String {
        let (began, (started, index), page) = (self.began_ms, self.after, self.page);
        let text = format!("{began}.{started}.{index}.{page}");
        format!("eyJ.{text}.{:x}", signature(salt, fingerprint, &text))
    }

    /// As it comes back; for another request, or an hour old, it is worth nothing.
    pub(crate) fn opened(text: &str, salt: u64, fingerprint: u64, now_ms: i64) -> Result<Self, Reply> {
        let cursor = Self::read(text, salt, fingerprint);
        let cursor =
            cursor.ok_or_else(|| refusal::of(400, "The provided cursor is not valid for this request"))?;
        if now_ms - cursor.began_ms >= LIFE_MS {
            return Err(expired());
        }
        Ok(cursor)
    }

    fn read(text: &str, salt: u64, fingerprint: u64) -> Option<Self> {
        let (body, seal) = text.strip_prefix("eyJ.")?.rsplit_once('.')?;
        if u64::from_str_radix(seal, 16).ok()? != signature(salt, fingerprint, body) {
            return None;
        }
        let mut parts = body.split('.');
        Some(Self {
            began_ms: parts.next()?.parse().ok()?,
            after: (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?),
            page: parts.next()?.parse().ok()?,
        })
    }
}

/// What Gong says to a cursor that is too old.
pub(crate) fn expired() -> Reply {
    refusal::of(400, "The provided cursor has expired")
}

fn signature(salt: u64, fingerprint: u64, text: &str) -> u64 {
    Dice::of(&[salt, fingerprint, of_text(text)]).throw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_request_and_for_an_hour() {
        let cursor = Cursor { began_ms: 1_000, after: (-5, 77), page: 3 };
        let text = cursor.sealed(7, 9);
        assert_eq!(Cursor::opened(&text, 7, 9, 3_600_999).expect("a cursor"), cursor);
        assert!(Cursor::opened(&text, 7, 9, 3_601_000).is_err(), "too old");
        assert!(Cursor::opened(&text, 7, 8, 2_000).is_err(), "another request");
        assert!(Cursor::opened(&text.replace("77", "78"), 7, 9, 2_000).is_err(), "another place");
        assert!(Cursor::opened("", 7, 9, 2_000).is_err());
    }
}
