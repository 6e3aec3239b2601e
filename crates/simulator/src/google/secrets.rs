//! A secret and its versions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::request::{Call, Request};
use super::{SecretVersion, error};
use crate::faults::{Fault, Hits};
use crate::reply::Reply;

const PAYLOAD_BYTES_MAX: usize = 64 << 10;

/// Versions that may be added to one secret within a second, and within a minute.
const ADDED_PER_SECOND: usize = 2;
const ADDED_PER_MINUTE: usize = 120;

/// The same of a region's secret.
const ADDED_PER_SECOND_IN_REGION: usize = 80;

/// What is the latest lags behind so long.
const LAG: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Secret {
    /// The first is number 1.
    versions: Vec<Version>,
    added: VecDeque<Instant>,
}

#[derive(Debug)]
struct Version {
    state: VersionState,
    payload: Vec<u8>,
    created: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VersionState {
    Enabled,
    Disabled,
    Destroyed,
}

impl VersionState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Destroyed => "DESTROYED",
        }
    }
}

impl Secret {
    pub(super) fn versions(&self, name: &str) -> Vec<SecretVersion> {
        let listed = self.versions.iter().zip(1..).map(|(version, number)| SecretVersion {
            secret: name.to_owned(),
            number,
            state: version.state.as_str(),
        });
        listed.collect()
    }

    pub(super) fn payloads(&self) -> Vec<String> {
        let there = self.versions.iter().filter(|version| version.state != VersionState::Destroyed);
        there.map(|version| String::from_utf8_lossy(&version.payload).into_owned()).collect()
    }

    pub(super) fn disable(&mut self) {
        for version in self.versions.iter_mut().filter(|version| version.state == VersionState::Enabled) {
            version.state = VersionState::Disabled;
        }
    }

    pub(super) fn answer(&mut self, request: &Request<'_>, now: Instant, hits: &Hits) -> Reply {
        match request.call {
            Call::Add => self.add(request, now),
            Call::List => self.list(request),
            Call::Access => self.access(request, now, hits),
            Call::Destroy => self.destroy(request),
            Call::Create | Call::Unknown => error(404, "NOT_FOUND", "no such method"),
        }
    }

    fn add(&mut self, request: &Request<'_>, now: Instant) -> Reply {
        while self.added.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_mins(1)) {
            self.added.pop_front();
        }
        let lately = self.added.iter().filter(|at| now.duration_since(**at) < Duration::from_secs(1)).count();
        let is_over = match request.location {
            Some(_) => lately >= ADDED_PER_SECOND_IN_REGION,
            None => lately >= ADDED_PER_SECOND || self.added.len() >= ADDED_PER_MINUTE,
        };
        if is_over {
            return error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for AddSecretVersion on this secret.");
        }
        let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
        let payload = &body["payload"];
        let Some(data) = payload["data"].as_str().and_then(|data| STANDARD.decode(data).ok()) else {
            // as the JSON parser of Google's APIs does
            let words = format!("Invalid value at 'payload.data' (TYPE_BYTES): {}", payload["data"]);
            return error(400, "INVALID_ARGUMENT", &words);
        };
        if data.len() > PAYLOAD_BYTES_MAX {
            return error(400, "INVALID_ARGUMENT", "The payload is larger than 65536 bytes.");
        }
        if payload.get("dataCrc32c").is_some_and(|stated| !states(stated, checksum(&data))) {
            return error(400, "INVALID_ARGUMENT", "The payload does not match its checksum.");
        }
        self.added.push_back(now);
        self.versions.push(Version { state: VersionState::Enabled, payload: data, created: now });
        let number = self.versions.len();
        Reply::json(described(request, number, VersionState::Enabled).to_string())
    }

    /// The newest first; pages as long as asked for.
    fn list(&self, request: &Request<'_>) -> Reply {
        let enabled_only = match request.parameter("filter").as_deref() {
            None => false,
            Some("state:ENABLED") => true,
            Some(_) => return error(501, "UNIMPLEMENTED", "this filter is not simulated"),
        };
        let size: usize = request.parameter("pageSize").and_then(|size| size.parse().ok()).unwrap_or(25_000);
        let skipped: usize =
            request.parameter("pageToken").and_then(|token| token.parse().ok()).unwrap_or_default();
        let wanted = |version: &Version| !enabled_only || version.state == VersionState::Enabled;
        let all: Vec<Value> = (self.versions.iter().enumerate().rev())
            .filter(|(_, version)| wanted(version))
            .map(|(index, version)| described(request, index + 1, version.state))
            .collect();
        let page: Vec<&Value> = all.iter().skip(skipped).take(size).collect();
        let next = skipped + page.len();
        let mut body = json!({});
        if !page.is_empty() {
            body["versions"] = json!(page);
        }
        if next < all.len() {
            body["nextPageToken"] = json!(next.to_string());
        }
        Reply::json(body.to_string())
    }

    fn access(&self, request: &Request<'_>, now: Instant, hits: &Hits) -> Reply {
        let number = match request.version {
            "latest" => self.latest(now),
            number => number.parse().unwrap_or_default(),
        };
        let version = match self.version(request, number) {
            Ok(version) if version.state == VersionState::Enabled => version,
            Ok(version) => return wrong_state(request, number, version.state),
            Err(missing) => return missing,
        };
        let mut data = version.payload.clone();
        let crc = checksum(&data).to_string();
        if let Some(first) = data.first_mut()
            && hits.iter().any(|hit| hit.fault == Fault::Damaged)
        {
            *first ^= 1;
        }
        let name = format!("{}/versions/{number}", request.full_name(request.secret));
        let payload = json!({ "data": STANDARD.encode(data), "dataCrc32c": crc });
        Reply::json(json!({ "name": name, "payload": payload }).to_string())
    }

    fn destroy(&mut self, request: &Request<'_>) -> Reply {
        let number = request.version.parse().unwrap_or_default();
        match self.version(request, number) {
            Ok(version) if version.state == VersionState::Destroyed => {
                return wrong_state(request, number, version.state);
            }
            Ok(_) => {}
            Err(missing) => return missing,
        }
        let version = &mut self.versions[number - 1];
        (version.state, version.payload) = (VersionState::Destroyed, Vec::new());
        Reply::json(described(request, number, VersionState::Destroyed).to_string())
    }

    /// The most recent one, whatever its state, but not at once.
    fn latest(&self, now: Instant) -> usize {
        let settled = |version: &Version| now.duration_since(version.created) >= LAG;
        self.versions.iter().rposition(settled).map_or(0, |index| index + 1)
    }

    fn version(&self, request: &Request<'_>, number: usize) -> Result<&Version, Reply> {
        number.checked_sub(1).and_then(|index| self.versions.get(index)).ok_or_else(|| {
            let name = request.full_name(request.secret);
            let words = format!("Secret Version [{name}/versions/{}] not found.", request.version);
            error(404, "NOT_FOUND", &words)
        })
    }
}

fn described(request: &Request<'_>, number: usize, state: VersionState) -> Value {
    let name = request.full_name(request.secret);
    json!({ "name": format!("{name}/versions/{number}"), "state": state.as_str() })
}

fn wrong_state(request: &Request<'_>, number: usize, state: VersionState) -> Reply {
    let name = request.full_name(request.secret);
    let words = format!("Secret Version [{name}/versions/{number}] is in {} state.", state.as_str());
    error(400, "FAILED_PRECONDITION", &words)
}

fn states(stated: &Value, checksum: u32) -> bool {
    let number = stated.as_str().map_or_else(|| stated.as_u64(), |text| text.parse().ok());
    number == Some(u64::from(checksum))
}

/// CRC-32C by a table, made each time: payloads are few.
fn checksum(bytes: &[u8]) -> u32 {
    let entry = |index: u32| {
        (0..8).fold(index, |value, _| if value & 1 == 1 { (value >> 1) ^ 0x82F6_3B78 } else { value >> 1 })
    };
    let table: Vec<u32> = (0..=255).map(entry).collect();
    let step = |crc: u32, byte: &u8| table[((crc ^ u32::from(*byte)) & 0xFF) as usize] ^ (crc >> 8);
    bytes.iter().fold(u32::MAX, step) ^ u32::MAX
}
