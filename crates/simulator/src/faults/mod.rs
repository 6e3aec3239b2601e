//! The catalogue of faults, and which of them are on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Endpoint;
use crate::dice::Dice;
use crate::reply::Reply;
use crate::world::Latency;

mod twist;

pub(crate) use twist::twist;

/// A way of a vendor to misbehave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// 401 although the key is good.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 429 without regard to the limit.
    RateLimited {
        /// What `Retry-After` says.
        #[serde(default)]
        retry_after: RetryAfter,
    },
    /// A refusal in these words: some vendors quote what they were sent.
    Quoted {
        /// The status.
        status: u16,
        /// The words.
        words: String,
    },
    /// A redirect to another place.
    Redirected {
        /// The status.
        status: u16,
        /// Where to.
        to: String,
    },
    /// 500.
    InternalError,
    /// 502.
    BadGateway,
    /// 503.
    Unavailable,
    /// The answer comes, but late.
    Slow {
        /// By how much.
        delay_ms: u64,
    },
    /// The answer waits until the fault is switched off, and is given as things are by then.
    Held,
    /// No answer, ever.
    Hang,
    /// The connection is reset instead of an answer.
    Reset,
    /// What is asked is done, and the connection reset instead of an answer; at Google's only.
    AnswerLost,
    /// A secret arrives with a wrong byte, and the checksum it had; at Google's only.
    Damaged,
    /// The connection ends half way through the body.
    Truncated,
    /// A page of HTML with status 200.
    Html,
    /// JSON of another shape with status 200.
    OtherShape,
    /// A record whose fields are of the wrong types: the one named by the rule, else the first row, which loses
    /// its id as well.
    WrongTypes,
    /// Each page repeats the last rows of the page before, and its own first row.
    DuplicateRows,
    /// The page number is not heeded: every page is page 1.
    EndlessPaging,
    /// A transcript of that many bytes.
    Oversized {
        /// How many; 25 MB if not said.
        #[serde(default = "oversized_bytes")]
        bytes: usize,
    },
    /// The cursor of a list has expired: every request with one is refused.
    CursorExpired,
    /// 404 that says that nothing was found.
    EmptyNotFound,
    /// 401 for want of a scope.
    MissingScope {
        /// Which one.
        scope: String,
    },
    /// NUL and other odd characters in titles, names and texts.
    OddCharacters,
    /// Anything at all in any field, by seed; ids stay.
    Garbage {
        /// What decides.
        seed: u64,
    },
}

fn oversized_bytes() -> usize {
    25_000_000
}

/// What `Retry-After` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// There is none.
    #[default]
    Absent,
    /// A number of seconds.
    Seconds(u64),
    /// A date that many seconds after the answer's own `Date`, which is the vendor's clock, not ours.
    Date(u64),
}

/// When a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Only this conversation: its detail, and its row for faults of single records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Spares that many matching requests first.
    #[serde(default)]
    pub after: u32,
    /// Strikes that many requests, then never again; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self { fault, endpoint: None, conversation: None, after: 0, times: None }
    }
}

impl FaultRule {
    /// Strikes only at one endpoint.
    #[must_use]
    pub fn at(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Strikes only one conversation.
    #[must_use]
    pub fn on(mut self, conversation: &str) -> Self {
        self.conversation = Some(conversation.to_owned());
        self
    }

    /// Strikes only the next `times` requests that match.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Spares the next `after` requests that match.
    #[must_use]
    pub fn after(mut self, after: u32) -> Self {
        self.after = after;
        self
    }

    fn concerns(&self, endpoint: Endpoint, conversation: Option<&str>) -> bool {
        let there = self.endpoint.is_none_or(|only| only == endpoint);
        let about = match &self.conversation {
            None => true,
            Some(only) if endpoint.is_list() => !only.is_empty() && self.fault.is_of_records(),
            Some(only) => conversation == Some(only),
        };
        there && about
    }

    /// Counts a matching request; says whether the fault strikes it. A list is not counted against a rule about
    /// one conversation, because its row may be on another page.
    fn strikes(&mut self, endpoint: Endpoint) -> bool {
        if self.conversation.is_some() && endpoint.is_list() {
            return self.times != Some(0);
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

impl Fault {
    fn is_of_records(&self) -> bool {
        matches!(self, Self::WrongTypes | Self::OddCharacters | Self::Garbage { .. })
    }
}

/// Names a fault that was switched on.
pub type FaultId = u64;

/// A fault that strikes a request.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) id: FaultId,
    pub(crate) fault: Fault,
    pub(crate) conversation: Option<String>,
}

pub(crate) type Hits = Vec<Hit>;

/// The faults of one workspace.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next_id: FaultId,
    rules: Vec<(FaultId, FaultRule)>,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) -> FaultId {
        self.next_id += 1;
        self.rules.push((self.next_id, rule));
        self.next_id
    }

    pub(crate) fn all(&self) -> Vec<(FaultId, FaultRule)> {
        self.rules.clone()
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(own, _)| *own != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn is_on(&self, id: FaultId) -> bool {
        self.rules.iter().any(|(own, _)| *own == id)
    }

    /// The faults that strike a request, in the order they were switched on.
    pub(crate) fn hits(&mut self, endpoint: Endpoint, conversation: Option<&str>) -> Hits {
        let concerned = self.rules.iter_mut().filter(|(_, rule)| rule.concerns(endpoint, conversation));
        let hits = concerned.filter_map(|(id, rule)| {
            rule.strikes(endpoint).then(|| Hit {
                id: *id,
                fault: rule.fault.clone(),
                conversation: rule.conversation.clone(),
            })
        });
        let hits = hits.collect();
        // one that holds answers back is there until it is switched off
        self.rules.retain(|(_, rule)| rule.times != Some(0) || rule.fault == Fault::Held);
        hits
    }
}

/// How long the answer takes.
pub(crate) fn delay(hits: &Hits, latency: Latency, number: u64) -> Duration {
    let ordinary_ms = Dice::of(&[0xE1, number]).between(latency.min_ms, latency.max_ms);
    let extra_ms = hits.iter().map(|hit| if let Fault::Slow { delay_ms } = hit.fault { delay_ms } else { 0 });
    Duration::from_millis(ordinary_ms as u64 + extra_ms.sum::<u64>())
}

/// The fault that holds the answer back.
pub(crate) fn holder(hits: &Hits) -> Option<FaultId> {
    hits.iter().find(|hit| hit.fault == Fault::Held).map(|hit| hit.id)
}

pub(crate) fn hangs(hits: &Hits) -> bool {
    hits.iter().any(|hit| hit.fault == Fault::Hang)
}

pub(crate) fn resets(hits: &Hits) -> bool {
    hits.iter().any(|hit| hit.fault == Fault::Reset)
}

pub(crate) fn repeats_rows(hits: &Hits) -> bool {
    hits.iter().any(|hit| hit.fault == Fault::DuplicateRows)
}

pub(crate) fn expires_cursors(hits: &Hits) -> bool {
    hits.iter().any(|hit| hit.fault == Fault::CursorExpired)
}

pub(crate) fn pages_without_end(hits: &Hits) -> bool {
    hits.iter().any(|hit| hit.fault == Fault::EndlessPaging)
}

/// The refusal that takes the answer's place, by the first fault that has one.
pub(crate) fn refusal(hits: &Hits, now: Timestamp) -> Option<Reply> {
    refusal_by(hits, now, Reply::refusal)
}

/// The same in a vendor's own form.
pub(crate) fn refusal_by(hits: &Hits, now: Timestamp, refuse: fn(u16, &str) -> Reply) -> Option<Reply> {
    hits.iter().find_map(|hit| match &hit.fault {
        Fault::Unauthorized => Some(refuse(401, "unauthorized")),
        Fault::Forbidden => Some(refuse(403, "forbidden")),
        Fault::NotFound => Some(refuse(404, "conversation not found")),
        Fault::RateLimited { retry_after } => Some(rate_limited(*retry_after, now, refuse)),
        Fault::Quoted { status, words } => Some(Reply::quoted(*status, words)),
        Fault::Redirected { status, to } => {
            Some(refuse(*status, "moved").with_header("location", to.clone()))
        }
        Fault::InternalError => Some(refuse(500, "internal error")),
        Fault::BadGateway => Some(refuse(502, "bad gateway")),
        Fault::Unavailable => Some(refuse(503, "unavailable")),
        _ => None,
    })
}

fn rate_limited(retry_after: RetryAfter, now: Timestamp, refuse: fn(u16, &str) -> Reply) -> Reply {
    let refusal = refuse(429, "too many requests");
    match retry_after {
        RetryAfter::Absent => refusal,
        RetryAfter::Seconds(seconds) => refusal.with_header("retry-after", seconds.to_string()),
        RetryAfter::Date(seconds) => {
            let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            let until = now.checked_add(wait).unwrap_or(now);
            let date = |time: Timestamp| httpdate::fmt_http_date(time.into());
            refusal.with_header("date", date(now)).with_header("retry-after", date(until))
        }
    }
}
