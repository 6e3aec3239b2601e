//! Where a call took place, and where to look at it.

use std::fmt::Write as _;

use model::{Platform, VendorKey};

use super::meta::Meta;
use crate::nul::NulSweeper;

/// The platform, by the system that Gong names, else by the join link's host, else by the direction that only telephone calls have;
/// and the link people joined by.
pub(super) fn platform(meta: &Meta<'_>, nul: &mut NulSweeper) -> (Option<Platform>, Option<String>) {
    let join_url = nul.trimmed(meta.meeting_url.get().as_deref());
    let system = meta.system.get().and_then(|system| by_name(&system));
    let link = || join_url.as_deref().and_then(by_name);
    let direction = meta.direction.get().unwrap_or_default().to_lowercase();
    let dialled = || ["inbound", "outbound"].contains(&direction.trim()).then_some(Platform::Phone);
    let uploaded = || meta.client_unique_id.get().map(|_| Platform::Upload);
    (system.or_else(link).or_else(dialled).or_else(uploaded), join_url)
}

/// The set of systems is open; these are told by what their names and links have in common.
fn by_name(text: &str) -> Option<Platform> {
    let text: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["zoomphone"]) {
        return Some(Platform::Phone);
    }
    let known = [
        (&["zoom"][..], Platform::Zoom),
        (&["webex"][..], Platform::Webex),
        (&["teams"][..], Platform::MicrosoftTeams),
        (&["googlemeet", "meet.google", "hangout"][..], Platform::GoogleMeet),
        (&["upload"][..], Platform::Upload),
    ];
    known.into_iter().find_map(|(words, platform)| has(words).then_some(platform))
}

/// The vendor's page of the call: as it says, else by the id. A hash in the place of an id leads nowhere.
pub(super) fn url(meta: &Meta<'_>, id: &str, key: &VendorKey, nul: &mut NulSweeper) -> Option<String> {
    let given = nul.trimmed(meta.url.get().as_deref()).filter(|url| url.starts_with("https://"));
    given.or_else(|| (key.as_str() == id).then(|| page_of(id)))
}

fn page_of(id: &str) -> String {
    let mut url = "https://app.gong.io/call?id=".to_owned();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => url.push(char::from(byte)),
            _ => write!(url, "%{byte:02X}").expect("a String takes every text"),
        }
    }
    url
}
