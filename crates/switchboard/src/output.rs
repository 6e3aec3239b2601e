//! Tables for people, JSON for programs.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use model::{RunKind, Stream};
use serde::Serialize;

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Prints a line for people, as `println!` does: whatever a vendor put into it cannot command their terminal.
macro_rules! say {
    ($($words:tt)*) => { $crate::output::line(&format!($($words)*)) };
}
pub(crate) use say;

/// What [`say!`] prints.
pub(crate) fn line(text: &str) {
    println!("{}", plain(text));
}

/// Text without what moves a cursor, colours, rings, or turns the direction of what follows.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(plain_character).collect()
}

fn plain_character(one: char) -> char {
    match one {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        _ if one.is_control() => char::REPLACEMENT_CHARACTER,
        _ => one,
    }
}

/// Prints rows under headings; words instead when there are none.
pub(crate) fn table(headings: &[&str], rows: Vec<Vec<String>>, none: &str) {
    if rows.is_empty() {
        line(none);
        return;
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|cell| plain(&cell))));
    println!("{}", table.trim_fmt());
}

/// A value or a dash.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A time to the second.
pub(crate) fn second(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// What a run does; of calls only why.
pub(crate) fn work(kind: RunKind, stream: Stream) -> String {
    if stream.is_of_records() { format!("{kind} {stream}") } else { kind.to_string() }
}

/// A time to the minute.
pub(crate) fn minute(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// A stretch of time, roughly.
pub(crate) fn roughly(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// How long ago a time is, or how far ahead.
pub(crate) fn relative(time: jiff::Timestamp, now: jiff::Timestamp) -> String {
    match now.duration_since(time).as_secs() {
        ago @ 0.. => format!("{} ago", roughly(ago)),
        ahead => format!("in {}", roughly(-ahead)),
    }
}

/// One line, cut to a length.
pub(crate) fn short(text: &str, length: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= length {
        return line;
    }
    line.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_commands_no_terminal() {
        assert_eq!(plain("\x1b[31mred\x07\u{9b}2J"), "\u{fffd}[31mred\u{fffd}\u{fffd}2J");
        assert_eq!(plain("two\nlines\u{202e}fdp.exe"), "two lines\u{fffd}fdp.exe");
        assert_eq!(plain("Grüße, 👩‍👩‍👧 – مرحبا"), "Grüße, 👩‍👩‍👧 – مرحبا");
    }
}
