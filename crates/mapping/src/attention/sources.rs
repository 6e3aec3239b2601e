//! The resources a conversation is read from, the strongest first.

use std::borrow::Cow;

use super::attributes::Attributes;

/// The details, then the list row; a field is read from the first that has it.
#[derive(Clone, Copy)]
pub(super) struct Sources<'s, 'a>(pub(super) &'s [&'s Attributes<'a>]);

impl<'s, 'a> Sources<'s, 'a> {
    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = &'s Attributes<'a>> {
        self.0.iter().copied()
    }

    pub(super) fn first<T>(self, read: impl Fn(&'s Attributes<'a>) -> Option<T>) -> Option<T> {
        self.iter().find_map(read)
    }

    pub(super) fn flag(self, read: impl Fn(&'s Attributes<'a>) -> Option<bool>) -> bool {
        self.first(read).unwrap_or(false)
    }

    pub(super) fn transcript_status(self) -> Option<Cow<'a, str>> {
        self.first(|one| one.transcript_status.get())
    }
}
