//! Where a conversation took place, and where to look at it.

use std::fmt::Write;

use model::Platform;
use serde_json::Value;

use super::sources::Sources;
use crate::nul::NulSweeper;

/// The platform, by its join link; else a telephone call, else an upload.
pub(super) fn platform(sources: Sources<'_, '_>, nul: &mut NulSweeper) -> (Option<Platform>, Option<String>) {
    let links = [
        (Platform::Zoom, sources.first(|one| one.zoom_url.get())),
        (Platform::GoogleMeet, sources.first(|one| one.meet_url.get())),
        (Platform::MicrosoftTeams, sources.first(|one| one.teams_url.get())),
        (Platform::Webex, sources.first(|one| one.webex_url.get())),
    ];
    for (platform, link) in links {
        if let Some(link) = nul.trimmed(link.as_deref()) {
            return (Some(platform), Some(link));
        }
    }
    let says = |metadata: Option<Value>| metadata.filter(Value::is_object);
    let call = sources.first(|one| says(one.zoom_metadata.get())).map(|_| Platform::Phone);
    let upload = || sources.first(|one| says(one.import_metadata.get())).map(|_| Platform::Upload);
    (call.or_else(upload), None)
}

/// The vendor's page of a conversation; ids are opaque, so what an address cannot hold is escaped.
pub(super) fn url(id: &str) -> String {
    let mut url = "https://app.attention.tech/conversations/all-calls/".to_owned();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => url.push(char::from(byte)),
            _ => write!(url, "%{byte:02X}").expect("a String takes every text"),
        }
    }
    url
}
