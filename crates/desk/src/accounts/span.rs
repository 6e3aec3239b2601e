//! Which lines of a file a record takes, and whether its quotes are closed.

use csv::Position;

/// The bytes of a record and where they are.
pub(super) struct Span<'a> {
    /// From its first line, without empty ones before it, to its last, without what ends that.
    pub(super) raw: &'a [u8],
    /// The number of its first line.
    pub(super) line: u64,
    /// Where that begins in the file.
    byte: u64,
}

impl<'a> Span<'a> {
    /// What lies between two positions of the reader.
    pub(super) fn of(bytes: &'a [u8], before: &Position, after: &Position) -> Self {
        let at =
            |position: &Position| usize::try_from(position.byte()).unwrap_or(bytes.len()).min(bytes.len());
        let (from, to) = (at(before), at(after));
        let read = bytes.get(from..to).unwrap_or_default();
        let empty = read.iter().take_while(|byte| is_line_end(**byte)).count();
        let (lead, rest) = read.split_at(empty);
        let end = rest.iter().rposition(|byte| !is_line_end(*byte)).map_or(0, |last| last + 1);
        Self {
            raw: &rest[..end],
            line: before.line() + breaks(lead),
            byte: before.byte() + u64::try_from(empty).unwrap_or(0),
        }
    }

    /// The number of its last line.
    pub(super) fn last_line(&self) -> u64 {
        self.line + breaks(self.raw)
    }

    /// Where its second line begins, if there is one.
    pub(super) fn second_line(&self) -> Option<Position> {
        let first = self.raw.iter().position(|byte| *byte == b'\n')?;
        let mut second = Position::new();
        second.set_byte(self.byte + u64::try_from(first).ok()? + 1).set_line(self.line + 1);
        Some(second)
    }

    /// Every quoted field ends with its quote. The reader takes what follows a quote for text, and an open one for closed at the end of
    /// the file; where that hides line breaks, it hides records. Within one line it does no harm.
    pub(super) fn is_closed(&self) -> bool {
        if !self.raw.contains(&b'\n') {
            return true;
        }
        let (mut quoted, mut field_begins) = (false, true);
        let mut bytes = self.raw.iter().peekable();
        while let Some(byte) = bytes.next() {
            match (quoted, byte) {
                (true, b'"') if bytes.peek() == Some(&&b'"') => drop(bytes.next()),
                (true, b'"') if bytes.peek().is_some_and(|next| **next != b',') => return false,
                (true, b'"') => quoted = false,
                (true, _) => {}
                (false, b'"') if field_begins => quoted = true,
                (false, byte) => field_begins = *byte == b',',
            }
        }
        !quoted
    }
}

fn breaks(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.split(|byte| *byte == b'\n').skip(1).count()).unwrap_or(0)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
