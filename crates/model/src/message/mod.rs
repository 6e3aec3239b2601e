//! Messages between roles: ids, never documents, except for the raw document itself. Each says its version.

mod nudge;
mod raw_document;
mod record_batch;
mod resolve_batch;
mod unfetched_record;

pub use nudge::Nudge;
pub use raw_document::{RawDocument, RawSource};
pub use record_batch::{RawRecord, RecordBatch};
pub use resolve_batch::ResolveBatch;
pub use unfetched_record::UnfetchedRecord;

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON of this message.
    #[error("not a {what} message: {reason}")]
    Malformed {
        /// Name of the message.
        what: &'static str,
        /// Where it broke.
        reason: serde_json::Error,
    },
    /// Written by a later program.
    #[error("{what} message of version {version} is not known to this program; update the workers first")]
    UnknownVersion {
        /// Name of the message.
        what: &'static str,
        /// The version it says.
        version: u32,
    },
}

fn check_version(what: &'static str, known: u32, version: u32) -> Result<(), DecodeError> {
    if version == known {
        return Ok(());
    }
    Err(DecodeError::UnknownVersion { what, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_example_decodes() {
        Nudge::decode(include_bytes!("../../examples/nudge.v1.json")).expect("nudge v1");
        RawDocument::decode(include_bytes!("../../examples/raw_document.v1.json")).expect("raw document v1");
        RecordBatch::decode(include_bytes!("../../examples/record_batch.v1.json")).expect("record batch v1");
        let batch = ResolveBatch::decode(include_bytes!("../../examples/resolve_batch.v1.json"))
            .expect("resolve batch v1");
        assert_eq!(batch.batch_id, None, "older programs named none");
        UnfetchedRecord::decode(include_bytes!("../../examples/unfetched_record.v1.json"))
            .expect("unfetched record v1");
    }

    #[test]
    fn a_later_version_is_named_and_garbage_is_malformed() {
        let later =
            br#"{"version":2,"run_id":"0192f0c1-0000-7000-8000-000000000001","step":1,"tenant":"acme",
            "connection_id":"0192f0c1-0000-7000-8000-000000000002","vendor":"attention","kind":"periodic"}"#;
        assert!(matches!(Nudge::decode(later), Err(DecodeError::UnknownVersion { version: 2, .. })));
        for garbage in [&b""[..], b"{", b"[]", b"\xff\x00", b"null"] {
            assert!(matches!(Nudge::decode(garbage), Err(DecodeError::Malformed { .. })));
            assert!(matches!(RawDocument::decode(garbage), Err(DecodeError::Malformed { .. })));
        }
    }
}
