//! Whose people an attendee belongs to, and whether it is a person at all.

use std::collections::{BTreeSet, HashSet};

use model::Side;

use crate::email::{EmailKey, is_own_host};

/// Who the tenant itself is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnPeople {
    /// Own mail domains in normal form; each covers its subdomains.
    pub domains: BTreeSet<String>,
    /// Addresses of the tenant's users in normal form, whatever their domain.
    pub user_emails: HashSet<String>,
}

/// Whose people an address belongs to. A vendor's own flag is not asked: vendors guess from less.
pub fn side(email: Option<&EmailKey>, own: &OwnPeople) -> Side {
    let Some(email) = email else { return Side::Unknown };
    let is_user = |key: &EmailKey| own.user_emails.contains(key.as_str());
    let internal = is_user(email)
        || email.without_plus_tag().as_ref().is_some_and(is_user)
        || is_own_host(email.domain(), &own.domains);
    if internal { Side::Internal } else { Side::External }
}

/// Vendors of notetakers. People who work there can be customers, so a domain alone says nothing.
const NOTETAKER_DOMAINS: &[&str] = &[
    "attention.com",
    "attention.tech",
    "avoma.com",
    "bluedothq.com",
    "chorus.ai",
    "circleback.ai",
    "claap.io",
    "fathom.video",
    "fellow.app",
    "fireflies.ai",
    "gong.io",
    "grain.com",
    "granola.ai",
    "jiminny.com",
    "krisp.ai",
    "meetgeek.ai",
    "modjo.ai",
    "otter.ai",
    "read.ai",
    "recall.ai",
    "sembly.ai",
    "supernormal.com",
    "tldv.io",
    "zoom.us",
];

/// Local parts that notetakers and recorders send from; the word alone, or with a number or tag behind it.
const BOT_LOCALS: &[&str] = &[
    "assistant",
    "bot",
    "fred",
    "meet",
    "meeting",
    "meetings",
    "notes",
    "notetaker",
    "record",
    "recorder",
    "recording",
];

/// Local parts behind which nobody sits, wherever they are.
const UNATTENDED_LOCALS: &[&str] = &[
    "calendar-notification",
    "do-not-reply",
    "donotreply",
    "mailer-daemon",
    "no-reply",
    "no_reply",
    "noreply",
    "notetaker",
];

/// Words of display names that only notetakers carry.
const BOT_NAMES: &[&str] = &[
    "ai assistant",
    "ai companion",
    "avoma",
    "fathom",
    "fireflies",
    "meeting assistant",
    "meeting notes",
    "meetgeek",
    "note taker",
    "note-taker",
    "notetaker",
    "otter.ai",
    "otterpilot",
    "read.ai",
    "recorder",
    "sembly",
    "tl;dv",
    "tldv",
];

/// Hosts that only rooms, calendars and dial-ins have addresses at.
const MACHINE_HOSTS: &[&str] = &["calendar.google.com", "zoomcrc.com"];

/// Whether an attendee is a notetaker, a room or another machine: it is shown, but has no vote.
pub fn is_bot_or_room(name: Option<&str>, email: Option<&EmailKey>) -> bool {
    let name = name.unwrap_or_default().to_lowercase();
    match email {
        None => has_bot_name(&name) || is_room_name(&name),
        Some(email) => is_machine_address(email) || is_notetaker(&name, email) || is_room(&name, email),
    }
}

fn has_bot_name(name: &str) -> bool {
    BOT_NAMES.iter().any(|word| name.contains(word))
}

fn is_machine_address(email: &EmailKey) -> bool {
    UNATTENDED_LOCALS.contains(&email.local()) || MACHINE_HOSTS.iter().any(|host| is_at(email, host))
}

/// Without a vendor's domain a name is not enough: people join from machines named after their notetaker.
fn is_notetaker(name: &str, email: &EmailKey) -> bool {
    if !NOTETAKER_DOMAINS.iter().any(|domain| is_at(email, domain)) {
        return false;
    }
    let dials_in = email.local().bytes().all(|b| b.is_ascii_digit());
    let words =
        |text: &str| text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
    let is_bot_word =
        |word: &String| BOT_LOCALS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()));
    dials_in
        || words(email.local()).first().is_some_and(is_bot_word)
        || has_bot_name(name)
        || words(name).iter().any(|word| word == "assistant" || word == "bot")
}

/// Exchange gives rooms ordinary addresses, so only the names tell.
fn is_room(name: &str, email: &EmailKey) -> bool {
    let plain: String = email.local().chars().filter(|c| c.is_alphanumeric()).collect();
    let numbered =
        plain.strip_prefix("room").is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
    let named =
        ["boardroom", "confroom", "conferenceroom", "meetingroom"].iter().any(|room| plain.starts_with(room));
    numbered || named || is_room_name(name)
}

fn is_room_name(name: &str) -> bool {
    ["conference room", "meeting room"].iter().any(|room| name.contains(room))
}

fn is_at(email: &EmailKey, host: &str) -> bool {
    email.domain().strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests;
