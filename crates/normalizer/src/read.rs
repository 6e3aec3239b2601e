//! A message becomes a draft: decoded, its claim check redeemed, mapped.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mapping::{MappingError, attention, content_hash};
use model::message::{RawDocument, RawSource};
use model::{Conversation, ConversationId, SkipReason, TranscriptStatus, Vendor};
use queue::JobError;
use serde_json::value::RawValue;
use store::conversation_write::{Arrival, Found};
use store::{Speaker, Store, StoreError, claim_check};

/// What a document says.
pub(crate) enum Content {
    /// A conversation, boxed because it is much larger than the rest.
    Conversation(Box<Conversation>),
    /// A record that is not kept.
    Skip(SkipReason),
}

/// A document that can be judged and written.
pub(crate) struct Draft<'a> {
    pub(crate) document: RawDocument<'a>,
    pub(crate) conversation_id: ConversationId,
    pub(crate) content: Content,
    pub(crate) found: Found,
    /// The document as the vendor sent it, as JSON.
    pub(crate) raw: Vec<u8>,
}

impl Draft<'_> {
    pub(crate) fn arrival(&self) -> Arrival<'_> {
        Arrival {
            tenant: &self.document.tenant,
            connection_id: self.document.connection_id,
            vendor_key: &self.document.vendor_key,
            conversation_id: self.conversation_id,
            asked_at: self.document.asked_at,
            listed_hash: self.document.listed_hash,
        }
    }
}

/// Redeems a document's claim check; `None` when it has none.
pub(crate) async fn redeem(store: &Store, document: &RawDocument<'_>) -> Result<Option<Vec<u8>>, Redeem> {
    let RawSource::Claim { claim, .. } = &document.source else { return Ok(None) };
    let tx = store.begin(Speaker::Tenant(&document.tenant)).await?;
    let body = claim_check::get(&tx, &document.tenant, *claim).await?;
    tx.commit().await?;
    body.map(Some).ok_or(Redeem::Missing)
}

/// Why a claim check cannot be redeemed.
pub(crate) enum Redeem {
    /// The database is away.
    Store(StoreError),
    /// It is not there (any more).
    Missing,
}

impl From<StoreError> for Redeem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Maps a document, whose claim check is redeemed, if it has one.
pub(crate) fn draft<'a>(
    document: RawDocument<'a>,
    redeemed: Option<&'a [u8]>,
) -> Result<Draft<'a>, JobError> {
    let source = match redeemed {
        Some(body) => serde_json::from_slice(body).map_err(|error| {
            JobError::fail("claim-check", format!("the document put away cannot be read: {error}"))
        })?,
        None => document.source.clone(),
    };
    let raw = serde_json::to_vec(&source).map_err(|error| JobError::fail("undecodable", error))?;
    let content = content(&document, &source)?;
    let found = match &content {
        Content::Conversation(conversation) => Found::Content(content_hash(conversation)),
        Content::Skip(reason) => Found::Skip(*reason),
    };
    Ok(Draft { conversation_id: document.conversation_id(), document, content, found, raw })
}

fn content(document: &RawDocument<'_>, source: &RawSource<'_>) -> Result<Content, JobError> {
    let (listed, detail) = match source {
        RawSource::Inline { listed, detail } => (*listed, *detail),
        RawSource::Gone { .. } => return Ok(Content::Skip(SkipReason::Gone)),
        RawSource::Claim { .. } => {
            return Err(JobError::fail("claim-check", "a document put away names another"));
        }
    };
    let mut conversation = map(document.vendor, listed, detail)?;
    if document.give_up && conversation.transcript.status == TranscriptStatus::Pending {
        conversation.transcript.status = TranscriptStatus::None;
    }
    Ok(match skip_reason(&conversation, document.admit_private) {
        Some(reason) => Content::Skip(reason),
        None => Content::Conversation(Box::new(conversation)),
    })
}

/// The gravest reason first: of a private call nothing is kept.
fn skip_reason(conversation: &Conversation, admit_private: bool) -> Option<SkipReason> {
    match conversation {
        one if one.private && !admit_private => Some(SkipReason::Private),
        one if one.archived => Some(SkipReason::Archived),
        one if one.empty => Some(SkipReason::Empty),
        _ => None,
    }
}

/// A panic in the mapping is our fault and concerns this document only.
fn map(
    vendor: Vendor,
    listed: Option<&RawValue>,
    detail: Option<&RawValue>,
) -> Result<Conversation, JobError> {
    let mapped = catch_unwind(AssertUnwindSafe(|| match vendor {
        Vendor::Attention => attention::conversation(listed, detail),
    }));
    let mapped: Result<Conversation, MappingError> =
        mapped.map_err(|_| JobError::fail("mapping-bug", "the mapping panicked at this document"))?;
    mapped.map_err(|error| JobError::fail("mapping", error))
}
