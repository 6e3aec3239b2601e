//! Names of rooms and events that are equal when these are, however a vendor writes them.

use percent_encoding::percent_decode_str;

/// Longer ones are replaced by their hash: they are part of an index.
const BYTES_MAX: usize = 200;

/// Links within links that are opened: mail programs wrap them.
const WRAPPINGS_MAX: usize = 3;

/// The room that a join link leads to. Passwords, languages and who was invited do not matter; what leads to no room has none.
pub fn join_key(link: &str) -> Option<String> {
    let mut link = link.trim().trim_matches(|c| matches!(c, '<' | '>' | '"')).to_owned();
    for _ in 0..WRAPPINGS_MAX {
        let Some(inner) = Link::read(&link).wrapped() else { break };
        link = inner;
    }
    let link = Link::read(&link);
    let key = match link.host.as_str() {
        host if is_at(host, &["zoom.us", "zoom.com", "zoomgov.com"]) => link.zoom(),
        "meet.google.com" => link.google_meet(),
        host if is_at(host, &["teams.microsoft.com", "teams.live.com", "teams.microsoft.us"]) => link.teams(),
        host if is_at(host, &["webex.com"]) => link.webex(),
        host if host.contains('.') => link.elsewhere(),
        _ => None,
    };
    key.map(|key| bounded(&key))
}

/// The event of a calendar, with its whole series: when it was tells the times apart.
pub fn calendar_key(event_id: &str) -> Option<String> {
    let id = event_id.trim();
    let id = id.strip_suffix("@google.com").unwrap_or(id);
    let is_time = |text: &str| {
        let text = text.strip_prefix('R').unwrap_or(text);
        text.len() >= 8 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'T' | b'Z'))
    };
    // one of a series is named after the series and its own time
    let series = id.rsplit_once('_').filter(|(_, time)| is_time(time)).map_or(id, |(series, _)| series);
    (!series.is_empty()).then(|| bounded(series))
}

/// Whether a key is a room's own number or code, so that another one is another room.
pub(super) fn is_exact(key: &str) -> bool {
    let number = key.strip_prefix("zoom:").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    number || key.starts_with("meet:")
}

fn bounded(key: &str) -> String {
    let key = key.replace('\0', "");
    if key.len() <= BYTES_MAX { key } else { format!("sha256:{}", model::ContentHash::of(key.as_bytes())) }
}

fn is_at(host: &str, domains: &[&str]) -> bool {
    let is_below = |rest: &str| rest.is_empty() || rest.ends_with('.');
    domains.iter().any(|domain| host.strip_suffix(domain).is_some_and(is_below))
}

/// A link in its parts; whatever is none has no host.
struct Link {
    /// Lower case.
    host: String,
    /// Decoded, none of them empty.
    path: Vec<String>,
    query: Vec<(String, String)>,
    /// Everything behind the host, decoded until nothing changes.
    rest: String,
}

impl Link {
    fn read(text: &str) -> Self {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let end = text.find(['/', '?', '#']).unwrap_or(text.len());
        let (authority, rest) = text.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_lowercase();
        let (before, _) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, query) = before.split_once('?').unwrap_or((before, ""));
        let path = path.split('/').map(decoded).filter(|part| !part.is_empty()).collect();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name).to_lowercase(), decoded(value))
        };
        let query = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
        Self { host, path, query, rest: decoded(&decoded(rest)) }
    }

    fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The link that a redirect of a mail program leads to.
    fn wrapped(&self) -> Option<String> {
        let wraps = is_at(&self.host, &["safelinks.protection.outlook.com"])
            || (is_at(&self.host, &["google.com"]) && self.path.first().is_some_and(|part| part == "url"));
        let inner = self.asked("url").or_else(|| self.asked("q")).filter(|_| wraps)?;
        Some(inner.to_owned())
    }

    /// `/j/ID`, `/wc/ID/join`, `/my/NAME`.
    fn zoom(&self) -> Option<String> {
        if let [my, name, ..] = &self.path[..]
            && my == "my"
        {
            return Some(format!("zoom:my:{}", name.to_lowercase()));
        }
        let in_path = self.path.iter().find_map(|part| digits(part));
        let number = in_path.or_else(|| digits(self.asked("confno")?))?;
        Some(format!("zoom:{number}"))
    }

    /// `/abc-defg-hij`; other paths are no room's.
    fn google_meet(&self) -> Option<String> {
        let code = self.path.first().filter(|code| code.contains('-'))?;
        let code: String = code.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        (!code.is_empty()).then(|| format!("meet:{code}"))
    }

    /// The thread behind `meetup-join/`, wherever it stands; or `/meet/NUMBER`.
    fn teams(&self) -> Option<String> {
        if let Some((_, thread)) = self.rest.split_once("meetup-join/") {
            let thread = thread.split(['/', '?', '&', '#']).next().unwrap_or_default().trim();
            return (!thread.is_empty()).then(|| format!("teams:{}", thread.to_lowercase()));
        }
        let place = self.path.iter().position(|part| part == "meet")?;
        let number = self.path.get(place + 1)?;
        Some(format!("teams:{}", number.to_lowercase()))
    }

    /// By `MTID`, else by the path: a personal room or a meeting of the site.
    fn webex(&self) -> Option<String> {
        if let Some(id) = self.asked("mtid").filter(|id| !id.is_empty()) {
            return Some(format!("webex:{}", id.to_lowercase()));
        }
        let path = self.path.join("/").to_lowercase();
        (!path.is_empty()).then(|| format!("webex:{}/{path}", self.host))
    }

    /// The link itself: which part of it names the room is not known.
    fn elsewhere(&self) -> Option<String> {
        let rest = self.rest.split('#').next().unwrap_or_default().trim_matches('/');
        (!rest.is_empty()).then(|| format!("link:{}/{rest}", self.host))
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().trim().to_owned()
}

/// The number of a room, however it is grouped; short ones are no rooms.
fn digits(text: &str) -> Option<String> {
    let number: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let is_number = number.len() >= 6 && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(number)
}
