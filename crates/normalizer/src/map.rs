//! From a document to what is stored, in memory.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use model::message::{RawDocument, RawSource};
use model::{ContentHash, Conversation, SkipReason, TranscriptStatus};
use queue::JobError;
use serde_json::value::RawValue;
use store::conversation_write::Found;

use crate::claims::Claimed;

/// An error class: the document or record cannot be mapped.
pub(crate) const MAPPING: &str = "mapping";
/// A document's error class: what was put away for it is not there any more.
const CLAIM_MISSING: &str = "claim-missing";

/// A document and what it says.
pub(crate) struct Mapped<'a> {
    /// Its place in the batch.
    pub(crate) index: usize,
    pub(crate) document: &'a RawDocument<'a>,
    pub(crate) says: Says<'a>,
}

/// What a document says.
pub(crate) enum Says<'a> {
    /// A conversation that is kept.
    Content { conversation: Box<Conversation>, hash: ContentHash, raw: Cow<'a, [u8]> },
    /// A record that is not kept.
    Skip { reason: SkipReason, raw: Option<Cow<'a, [u8]>> },
}

impl Mapped<'_> {
    /// As it is judged against the record's standing.
    pub(crate) fn found(&self) -> Found {
        match &self.says {
            Says::Content { hash, .. } => Found::Content(*hash),
            Says::Skip { reason, .. } => Found::Skip(*reason),
        }
    }

    /// The vendor does not know the record any more.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.says, Says::Skip { reason: SkipReason::Gone, .. })
    }

    /// NUL characters taken out.
    pub(crate) fn nul_characters(&self) -> u64 {
        match &self.says {
            Says::Content { conversation, .. } => conversation.nul_characters_removed.into(),
            Says::Skip { .. } => 0,
        }
    }
}

/// Maps one document.
pub(crate) fn map<'a>(
    index: usize,
    document: &'a RawDocument<'a>,
    claimed: &'a Claimed,
) -> Result<Mapped<'a>, JobError> {
    let says = match &document.source {
        RawSource::Gone { .. } => Says::Skip { reason: SkipReason::Gone, raw: None },
        RawSource::Inline { listed, detail } => {
            let raw = serde_json::to_vec(&document.source).map_err(JobError::undecodable)?;
            said(document, *listed, *detail, Cow::Owned(raw))?
        }
        RawSource::Claim { claim, .. } => {
            let missing = || JobError::fail(CLAIM_MISSING, format!("there is no document under {claim}"));
            let body = claimed.get(&(document.tenant.clone(), *claim)).ok_or_else(missing)?;
            let source = serde_json::from_slice(body).map_err(JobError::undecodable)?;
            let RawSource::Inline { listed, detail } = source else {
                return Err(JobError::undecodable("a document put away that is none"));
            };
            said(document, listed, detail, Cow::Borrowed(body))?
        }
    };
    Ok(Mapped { index, document, says })
}

fn said<'a>(
    document: &RawDocument<'_>,
    listed: Option<&RawValue>,
    detail: Option<&RawValue>,
    raw: Cow<'a, [u8]>,
) -> Result<Says<'a>, JobError> {
    let mut conversation =
        guarded(|| mapping::conversation(document.vendor, document.stream, listed, detail))?;
    if conversation.external_id != document.vendor_key {
        let other = format!(
            "the document is about {}, asked for was {}",
            conversation.external_id, document.vendor_key
        );
        return Err(JobError::fail(MAPPING, other));
    }
    if let Some(reason) = skip_reason(&conversation, document.admit_private) {
        return Ok(Says::Skip { reason, raw: (reason != SkipReason::Private).then_some(raw) });
    }
    if document.give_up && conversation.transcript.status == TranscriptStatus::Pending {
        conversation.transcript.status = TranscriptStatus::None;
    }
    let hash = mapping::content_hash(&conversation);
    Ok(Says::Content { conversation: Box::new(conversation), hash, raw })
}

/// The first that applies: of a private record not even the bytes are kept.
fn skip_reason(conversation: &Conversation, admit_private: bool) -> Option<SkipReason> {
    match conversation {
        Conversation { private: true, .. } if !admit_private => Some(SkipReason::Private),
        Conversation { archived: true, .. } => Some(SkipReason::Archived),
        Conversation { empty: true, .. } => Some(SkipReason::Empty),
        _ => None,
    }
}

/// Maps; a bug in a mapping must not take the others of the batch with it.
pub(crate) fn guarded<T>(mapping: impl FnOnce() -> Result<T, mapping::MappingError>) -> Result<T, JobError> {
    catch_unwind(AssertUnwindSafe(mapping))
        .map_err(|panic| JobError::retry(format!("the mapping panicked: {}", panic_text(&*panic))))?
        .map_err(|error| JobError::fail(MAPPING, error))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}
