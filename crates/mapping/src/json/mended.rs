//! A document in which every text can be read.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::surrogates::without_lone_surrogates;

/// The document with its lone surrogates replaced, and whether there were any; usually nothing is copied.
pub(crate) fn mended(raw: &RawValue) -> (Cow<'_, RawValue>, bool) {
    match without_lone_surrogates(raw.get()) {
        Cow::Owned(text) if text != raw.get() => {
            let mended = RawValue::from_string(text).expect("one escape took the place of another");
            (Cow::Owned(mended), true)
        }
        _ => (Cow::Borrowed(raw), false),
    }
}
