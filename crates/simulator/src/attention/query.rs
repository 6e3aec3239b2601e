//! Query parameters, taken as strictly as the vendor describes them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::Endpoint;
use crate::reply::Reply;

/// Rows per page if not asked for.
const SIZE_DEFAULT: usize = 10;
/// Rows per page at most; on the optimised list documented, on the other a guess.
const SIZE_MAX_LIST: usize = 50;
const SIZE_MAX_CONVERSATIONS: usize = 100;

/// Documented, but not simulated: answered with 501, so that nobody takes an unfiltered list for a filtered one.
const NOT_SIMULATED: &[&str] = &[
    "filter[owner.id]",
    "filter[external_opportunity.id]",
    "filter[crm_field.entity_code]",
    "filter[crm_field.field_name]",
    "filter[crm_field.values]",
    "filter[team.id]",
    "filter[hide_pending]",
    "filter[hide_non_analyzed]",
];

/// Parameters of one request, with their defaults.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "the vendor's parameters are that many independent flags")]
pub(crate) struct Params {
    pub(crate) page: usize,
    pub(crate) size: usize,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) detailed_transcript: bool,
    pub(crate) crm_records: bool,
    pub(crate) intelligence: bool,
    pub(crate) internal_participants: bool,
    pub(crate) zoom_metadata: bool,
    pub(crate) import_metadata: bool,
    pub(crate) hide_internal: bool,
    pub(crate) hide_transcript: bool,
    pub(crate) hide_failed: bool,
    pub(crate) title: Option<String>,
    pub(crate) owner_emails: Vec<String>,
    pub(crate) participant_emails: Vec<String>,
    pub(crate) user_ids: Vec<String>,
    pub(crate) user_emails: Vec<String>,
    pub(crate) by_external_id: bool,
}

impl Params {
    fn defaults(endpoint: Endpoint) -> Self {
        Self {
            page: 1,
            size: SIZE_DEFAULT,
            from_ms: i64::MIN,
            to_ms: i64::MAX,
            detailed_transcript: false,
            // Only the optimised list leaves these out.
            crm_records: endpoint != Endpoint::List,
            intelligence: endpoint != Endpoint::List,
            internal_participants: false,
            zoom_metadata: false,
            import_metadata: false,
            hide_internal: false,
            hide_transcript: false,
            hide_failed: false,
            title: None,
            owner_emails: Vec::new(),
            participant_emails: Vec::new(),
            user_ids: Vec::new(),
            user_emails: Vec::new(),
            by_external_id: false,
        }
    }

    /// Reads the parameters of a request, or says what is wrong with them.
    pub(crate) fn read(endpoint: Endpoint, pairs: &[(String, String)]) -> Result<Self, Reply> {
        let mut params = Self::defaults(endpoint);
        for (place, (name, value)) in pairs.iter().enumerate() {
            if pairs[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(bad(&format!("parameter {name} is given twice")));
            }
            params.take(endpoint, name, value)?;
        }
        if params.from_ms > params.to_ms {
            return Err(bad("fromDateTime is after toDateTime"));
        }
        Ok(params)
    }

    fn take(&mut self, endpoint: Endpoint, name: &str, value: &str) -> Result<(), Reply> {
        let taken = match endpoint {
            Endpoint::List | Endpoint::Conversations => {
                self.take_of_list(endpoint, name, value)? || self.take_of_both(name, value)?
            }
            Endpoint::Detail => self.take_by(name, value)? || self.take_of_both(name, value)?,
            Endpoint::Users => self.take_of_users(name, value)? || name == "teamUUID",
            Endpoint::OrganizationUsers => name == "teamUUID",
            _ => false,
        };
        if taken { Ok(()) } else { Err(bad(&format!("unknown parameter {name}"))) }
    }

    fn take_of_list(&mut self, endpoint: Endpoint, name: &str, value: &str) -> Result<bool, Reply> {
        match name {
            "page" => self.page = at_least_one(name, value)?,
            "size" => {
                let most = if endpoint == Endpoint::List { SIZE_MAX_LIST } else { SIZE_MAX_CONVERSATIONS };
                self.size = at_least_one(name, value)?.min(most);
            }
            // Another API's syntax: not refused, not heeded.
            "page[size]" | "page[number]" => {}
            "fromDateTime" => self.from_ms = moment(name, value)?,
            "toDateTime" => self.to_ms = moment(name, value)?,
            "withCrmRecords" if endpoint == Endpoint::List => {
                self.crm_records = flag(name, value)?;
                self.intelligence |= self.crm_records;
            }
            "withIntelligenceItems" if endpoint == Endpoint::List => self.intelligence |= flag(name, value)?,
            "filter[hide_internal]" => self.hide_internal = flag(name, value)?,
            "filter[hide_transcript]" => self.hide_transcript = flag(name, value)?,
            "filter[hide_failed]" => self.hide_failed = flag(name, value)?,
            "filter[title]" => self.title = Some(value.to_lowercase()),
            "filter[owner.email]" => self.owner_emails = several(value),
            "filter[participants.email]" => self.participant_emails = several(value),
            _ if NOT_SIMULATED.contains(&name) => {
                return Err(Reply::refusal(501, &format!("{name} is not simulated")));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_of_both(&mut self, name: &str, value: &str) -> Result<bool, Reply> {
        match name {
            "detailedTranscript" => self.detailed_transcript = flag(name, value)?,
            "filter[include_internal_participants]" => self.internal_participants = flag(name, value)?,
            "filter[include_zoom_metadata]" => self.zoom_metadata = flag(name, value)?,
            "filter[include_import_metadata]" => self.import_metadata = flag(name, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_by(&mut self, name: &str, value: &str) -> Result<bool, Reply> {
        match (name, value) {
            ("by", "id") => self.by_external_id = false,
            ("by", "external_id") => self.by_external_id = true,
            ("by", _) => return Err(bad("by must be id or external_id")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_of_users(&mut self, name: &str, value: &str) -> Result<bool, Reply> {
        match name {
            "filter[id]" => self.user_ids = several(value),
            "filter[email]" => self.user_emails = several(value),
            "includeDeleted" => drop(flag(name, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn bad(message: &str) -> Reply {
    Reply::refusal(400, message)
}

fn at_least_one(name: &str, value: &str) -> Result<usize, Reply> {
    let number = value.parse().ok().filter(|number| (1..=1_000_000_000).contains(number));
    number.ok_or_else(|| bad(&format!("{name} must be a number from 1")))
}

fn flag(name: &str, value: &str) -> Result<bool, Reply> {
    value.parse().map_err(|_| bad(&format!("{name} must be true or false")))
}

/// RFC 3339 with any offset; without a zone it is UTC.
fn moment(name: &str, value: &str) -> Result<i64, Reply> {
    let zoned = value.parse::<Timestamp>();
    let zoneless = || value.parse::<DateTime>().and_then(|time| time.to_zoned(TimeZone::UTC));
    let moment = zoned.or_else(|_| zoneless().map(|time| time.timestamp()));
    moment.map(Timestamp::as_millisecond).map_err(|_| bad(&format!("{name} must be an ISO 8601 time")))
}

fn several(value: &str) -> Vec<String> {
    value.split(',').map(|one| one.trim().to_lowercase()).collect()
}
