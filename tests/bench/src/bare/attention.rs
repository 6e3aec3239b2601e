//! Calls at Attention: pages and details to documents, documents to whose rows they are.

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use mapping::attention::listed_row;
use model::Window;
use model::message::RawSource;
use runtime::Clock;
use secrecy::SecretString;
use serde_json::value::RawValue;
use vendors::attention::{Attention, AttentionAuth, HeaderForm, ListPage, ListRequest, end_of_list};
use vendors::{BaseUrl, HttpOptions, VendorHttp};

use super::queue::Publisher;

const DETAILS_AT_ONCE: usize = 8;

struct Workspace {
    client: Attention,
    auth: AttentionAuth,
}

impl Workspace {
    fn new(base_url: &str, key: &str) -> anyhow::Result<Self> {
        let http = VendorHttp::new(&HttpOptions::default())?;
        let auth = AttentionAuth { key: SecretString::from(key), form: HeaderForm::Bearer };
        Ok(Self { client: Attention::new(http, BaseUrl::parse(base_url, true)?), auth })
    }

    async fn list(&self, page: u32) -> anyhow::Result<(ListPage, bool)> {
        let now = Clock::system().now();
        let day = SignedDuration::from_hours(24);
        let window = Window { from: Timestamp::UNIX_EPOCH, to: now.checked_add(day)? };
        let request = ListRequest { window, page, size: 50 };
        let listed = self.client.list(&self.auth, &request).await?;
        let is_last = end_of_list(&listed, listed.rows.len(), &request, listed.rows.len());
        Ok((listed, is_last))
    }

    /// The same document that a fetcher publishes, but for its envelope.
    async fn document(&self, row: Box<RawValue>) -> anyhow::Result<Vec<u8>> {
        let key = listed_row(&row).vendor_key;
        let detail = self.client.detail(&self.auth, key.as_str()).await?;
        let source = RawSource::Inline { listed: Some(&row), detail: Some(&detail) };
        Ok(serde_json::to_vec(&source)?)
    }
}

/// Publishes every call.
pub(super) async fn fetch(base_url: &str, key: &str, mut to: Publisher<'_>) -> anyhow::Result<()> {
    let workspace = Workspace::new(base_url, key)?;
    for page in 1.. {
        let (listed, is_last) = workspace.list(page).await?;
        let mut documents = futures::stream::iter(listed.rows)
            .map(|row| workspace.document(row))
            .buffer_unordered(DETAILS_AT_ONCE);
        while let Some(document) = documents.next().await {
            to.publish(&document?).await?;
        }
        if is_last {
            break;
        }
    }
    to.close().await
}

/// Reads the document as it must be read to make rows of it; the rows themselves are there already.
pub(super) fn keys_of(body: &[u8]) -> anyhow::Result<Vec<String>> {
    let RawSource::Inline { listed, detail } = serde_json::from_slice(body)? else {
        anyhow::bail!("not a document")
    };
    let conversation = mapping::attention::conversation(listed, detail)?;
    Ok(vec![conversation.external_id.as_str().to_owned()])
}
