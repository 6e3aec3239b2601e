//! What travels beside a body.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use model::DeadLetterId;

/// The error text kept in a header. All headers together must fit one frame of 128 KB.
const ERROR_BYTES_MAX: usize = 8 * 1024;
/// Any other header's text.
const TEXT_BYTES_MAX: usize = 1024;
/// Counted by the broker.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// Where the broker says why it moved a message; only ever asked for one reason, since its counts differ between versions.
const DEATHS: &str = "x-death";
const DELIVERY_LIMIT: &str = "delivery_limit";

/// Declares the text headers once, for both directions.
macro_rules! text_headers {
    ($($(#[$doc:meta])* $field:ident),+ $(,)?) => {
        /// Our headers. None begins with `x-`: those belong to the broker, which counts on and drops them as it likes.
        /// Whatever else a message carries is not passed on.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct JobHeaders {
            /// Attempts that have failed before this delivery.
            pub attempt: u32,
            /// How often it was replayed out of the dead letters.
            pub replayed: u32,
            /// How often the broker had it back, by its own count; read only.
            pub delivery_count: u64,
            /// Whether the broker gave it up after too many deliveries; read only.
            pub given_up: bool,
            /// When it failed for the first time.
            pub first_failed_at: Option<Timestamp>,
            /// When it failed last.
            pub failed_at: Option<Timestamp>,
            $($(#[$doc])* pub $field: Option<String>),+
        }

        impl JobHeaders {
            fn texts(&self) -> Vec<(&'static str, Option<&str>)> {
                vec![$((stringify!($field), self.$field.as_deref())),+]
            }

            fn read_texts(&mut self, table: &FieldTable) {
                $(self.$field = text(table, stringify!($field));)+
            }
        }
    };
}

text_headers!(
    /// Class of the last failure.
    error_class,
    /// Text of the last failure.
    error,
    /// The text without what differs between occurrences.
    fingerprint,
    /// The work queue it belongs to.
    origin_queue,
    /// The role and version that saw it fail.
    worker,
    /// W3C trace context of the publisher.
    traceparent,
    /// The vendor.
    vendor,
    /// The tenant.
    tenant,
    /// The run.
    run_id,
    /// The record's id at the vendor.
    vendor_key,
    /// Where in the pipeline it was.
    stage,
    /// The dead letter it comes out of.
    letter,
);

impl JobHeaders {
    /// The dead letter that a message comes out of, or would be. Its queue and body tell, unless a person has edited the body.
    pub fn dead_letter_id(&self, origin_queue: &str, body: &[u8]) -> DeadLetterId {
        let named = self.letter.as_deref().filter(|_| self.replayed > 0);
        let named = named.and_then(|id| DeadLetterId::parse(id).ok());
        named.unwrap_or_else(|| DeadLetterId::derive(origin_queue, body))
    }

    /// Reads what is there. A header of another type than ours counts as absent: anybody may publish anything.
    pub(crate) fn decode(properties: &BasicProperties) -> Self {
        let Some(table) = properties.headers().as_ref() else { return Self::default() };
        let count = |name| number(table, name).unwrap_or(0);
        let mut headers = Self {
            attempt: u32::try_from(count("attempt")).unwrap_or(u32::MAX),
            replayed: u32::try_from(count("replayed")).unwrap_or(u32::MAX),
            delivery_count: count(DELIVERY_COUNT),
            given_up: was_given_up(table),
            first_failed_at: time(table, "first_failed_at"),
            failed_at: time(table, "failed_at"),
            ..Self::default()
        };
        headers.read_texts(table);
        headers
    }

    pub(crate) fn encode(&self) -> FieldTable {
        let mut table = FieldTable::default();
        let mut put = |name: &'static str, value: AMQPValue| {
            table.insert(ShortString::from(name), value);
        };
        put("attempt", AMQPValue::LongLongInt(self.attempt.into()));
        if self.replayed > 0 {
            put("replayed", AMQPValue::LongLongInt(self.replayed.into()));
        }
        for (name, time) in [("first_failed_at", self.first_failed_at), ("failed_at", self.failed_at)] {
            if let Some(time) = time {
                put(name, AMQPValue::LongString(time.to_string().into()));
            }
        }
        for (name, text) in self.texts() {
            let bytes_max = if name == "error" { ERROR_BYTES_MAX } else { TEXT_BYTES_MAX };
            if let Some(text) = text {
                put(name, AMQPValue::LongString(truncated(text, bytes_max).into()));
            }
        }
        table
    }
}

/// The text up to a limit, never cut within a character.
fn truncated(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn text(table: &FieldTable, name: &str) -> Option<String> {
    match table.inner().get(name)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Its count in the dead letters begins anew, so only the broker's own list of deaths tells.
fn was_given_up(table: &FieldTable) -> bool {
    let Some(AMQPValue::FieldArray(deaths)) = table.inner().get(DEATHS) else { return false };
    deaths.as_slice().iter().any(|death| {
        matches!(death, AMQPValue::FieldTable(death) if text(death, "reason").as_deref() == Some(DELIVERY_LIMIT))
    })
}

fn time(table: &FieldTable, name: &str) -> Option<Timestamp> {
    text(table, name)?.parse().ok()
}

fn number(table: &FieldTable, name: &str) -> Option<u64> {
    match *table.inner().get(name)? {
        AMQPValue::ShortShortInt(value) => u64::try_from(value).ok(),
        AMQPValue::ShortShortUInt(value) => Some(value.into()),
        AMQPValue::ShortInt(value) => u64::try_from(value).ok(),
        AMQPValue::ShortUInt(value) => Some(value.into()),
        AMQPValue::LongInt(value) => u64::try_from(value).ok(),
        AMQPValue::LongUInt(value) => Some(value.into()),
        AMQPValue::LongLongInt(value) => u64::try_from(value).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(table: FieldTable) -> BasicProperties {
        BasicProperties::default().with_headers(table)
    }

    #[test]
    fn headers_come_back_as_they_went() {
        let headers = JobHeaders {
            attempt: 3,
            replayed: 1,
            first_failed_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            error: Some("broken".to_owned()),
            tenant: Some("acme".to_owned()),
            ..JobHeaders::default()
        };
        assert_eq!(JobHeaders::decode(&properties(headers.encode())), headers);
    }

    #[test]
    fn headers_of_wrong_types_count_as_absent() {
        let mut table = FieldTable::default();
        table.insert("attempt".into(), AMQPValue::LongString("many".into()));
        table.insert("replayed".into(), AMQPValue::LongInt(-4));
        table.insert("failed_at".into(), AMQPValue::LongString("yesterday".into()));
        table.insert("error".into(), AMQPValue::Boolean(true));
        table.insert("x-delivery-count".into(), AMQPValue::Void);
        table.insert("x-death".into(), AMQPValue::FieldArray(vec![AMQPValue::LongInt(1)].into()));
        table.insert("tenant".into(), AMQPValue::LongString(vec![0xff, b'a'].into()));
        let expected = JobHeaders { tenant: Some("\u{fffd}a".to_owned()), ..JobHeaders::default() };
        assert_eq!(JobHeaders::decode(&properties(table)), expected);
        assert_eq!(JobHeaders::decode(&BasicProperties::default()), JobHeaders::default());
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_fit_a_frame() {
        let long = Some("ä".repeat(200_000));
        let headers = JobHeaders {
            error: long.clone(),
            error_class: long.clone(),
            fingerprint: long.clone(),
            origin_queue: long.clone(),
            worker: long.clone(),
            traceparent: long.clone(),
            vendor: long.clone(),
            tenant: long.clone(),
            run_id: long.clone(),
            vendor_key: long.clone(),
            stage: long.clone(),
            letter: long,
            ..JobHeaders::default()
        };
        let back = JobHeaders::decode(&properties(headers.encode()));
        let sizes: Vec<usize> = back.texts().iter().filter_map(|(_, text)| text.map(str::len)).collect();
        assert!(sizes.iter().sum::<usize>() < 100_000 && sizes.len() == 12, "{sizes:?}");
        assert!(!back.error.unwrap().contains('\u{fffd}'));
    }
}
