//! Times as people give them: 2026-01-31 or 2026-01-31T12:00:00Z.

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::Window;

use crate::usage;

/// The window between two times, if it is one.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> anyhow::Result<Window> {
    if from >= to {
        return Err(usage::wrong(format!("the window ends before it begins: {from} to {to}")));
    }
    Ok(Window { from, to })
}

/// A time, or the beginning of a day.
pub(crate) fn begin(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    Ok(day(text)?.to_zoned(TimeZone::UTC)?.timestamp())
}

/// A time, or the end of a day.
pub(crate) fn end(text: &str) -> anyhow::Result<Timestamp> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let next = day(text)?.tomorrow().with_context(|| format!("{text:?} is too far away"))?;
    Ok(next.to_zoned(TimeZone::UTC)?.timestamp())
}

/// A day.
fn day(text: &str) -> anyhow::Result<Date> {
    let Ok(day) = text.parse() else {
        return Err(usage::wrong(format!(
            "{text:?} is no time: expected 2026-01-31 or 2026-01-31T12:00:00Z"
        )));
    };
    Ok(day)
}
