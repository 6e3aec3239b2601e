//! Records at HubSpot: pages with their associations to documents, a page each; documents to whose rows they are.

use model::message::RawRecord;
use model::{Stream, Vendor};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use vendors::hubspot::{HubSpot, Object};
use vendors::{ApiVersions, BaseUrl, Bearer, HttpOptions, VendorHttp};

use super::queue::Publisher;

const STREAMS: [(Object, Stream); 3] = [
    (Object::Companies, Stream::Accounts),
    (Object::Contacts, Stream::Contacts),
    (Object::Deals, Stream::Deals),
];

/// What a fetcher publishes of a page, but for its envelope.
#[derive(Serialize, Deserialize)]
struct Page<'a> {
    stream: Stream,
    #[serde(borrow)]
    records: Vec<RawRecord<'a>>,
}

/// Publishes every record that is not archived.
pub(super) async fn fetch(base_url: &str, token: &str, mut to: Publisher<'_>) -> anyhow::Result<()> {
    let http = VendorHttp::new(&HttpOptions::default())?;
    let client = HubSpot::new(http, BaseUrl::parse(base_url, true)?, ApiVersions::default().hubspot);
    let token = Bearer(SecretString::from(token));
    for (object, stream) in STREAMS {
        let mut after = None;
        loop {
            let page = client.list(&token, object, false, after.as_deref()).await?;
            let ids = page.rows.iter().filter_map(|row| mapping::hubspot::id(row));
            let ids: Vec<(String, Option<String>)> = ids.map(|id| (id, None)).collect();
            anyhow::ensure!(ids.len() == page.rows.len(), "a record of the stand-in has no id");
            let mut related = Vec::with_capacity(ids.len());
            if object != Object::Companies && !ids.is_empty() {
                let mut companies = client.companies_of(&token, object, &ids).await?.of;
                for (id, _) in &ids {
                    related.push(to_raw_value(&companies.remove(id).unwrap_or_default())?);
                }
            }
            let records = page.rows.iter().enumerate().map(|(place, row)| {
                let related = related.get(place).map(AsRef::as_ref);
                let listed = mapping::hubspot::listed(stream, row, related);
                RawRecord { key: listed.key, hash: listed.hash, listed: row, related }
            });
            to.publish(&serde_json::to_vec(&Page { stream, records: records.collect() })?).await?;
            after = page.after;
            if after.is_none() {
                break;
            }
        }
    }
    to.close().await
}

/// Reads the records as they must be read to make rows of them; the rows themselves are there already.
pub(super) fn keys_of(body: &[u8]) -> anyhow::Result<Vec<String>> {
    let page: Page<'_> = serde_json::from_slice(body)?;
    let key = |one: &RawRecord<'_>| -> anyhow::Result<String> {
        let record = mapping::crm_record(Vendor::HubSpot, page.stream, one.listed, one.related)?;
        Ok(mapping::record_key(page.stream, &record.external_id).as_str().to_owned())
    };
    page.records.iter().map(key).collect()
}
