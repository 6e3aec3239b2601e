//! Every shape of a CRM's record or a user that was seen or feared, one file each, and what becomes of it.

use std::path::Path;

use mapping::ListedRecord;
use model::{CrmRecord, Stream, Vendor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Fixture<'a> {
    /// Whose it is, where the folder does not say.
    vendor: Option<Vendor>,
    #[serde(default = "users")]
    stream: Stream,
    #[serde(borrow)]
    listed: &'a RawValue,
    #[serde(borrow, default)]
    related: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Mapped {
    key: String,
    id: Option<String>,
    record: Result<CrmRecord, String>,
}

fn users() -> Stream {
    Stream::Users
}

fn listed(vendor: Vendor, fixture: &Fixture<'_>) -> ListedRecord {
    let Fixture { stream, listed, related, .. } = *fixture;
    match (stream, vendor) {
        (Stream::Users, _) => mapping::listed_user(vendor, listed),
        (_, Vendor::Salesforce) => mapping::salesforce::listed(stream, listed, related),
        _ => mapping::hubspot::listed(stream, listed, related),
    }
}

fn snapshots(of: &str, vendor: Vendor) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(of);
    let mut paths: Vec<_> =
        folder.read_dir().expect("the fixtures").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() > 5, "the fixtures are gone");
    for path in paths {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a fixture");
        let fixture: Fixture<'_> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name} is no fixture: {error}"));
        let vendor = fixture.vendor.unwrap_or(vendor);
        let row = listed(vendor, &fixture);
        let mapped = Mapped {
            key: row.key.to_string(),
            id: row.id,
            record: mapping::crm_record(vendor, fixture.stream, fixture.listed, fixture.related)
                .map_err(|error| error.to_string()),
        };
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path(format!("snapshots/{of}"));
        settings.bind(|| insta::assert_json_snapshot!(name, mapped));
    }
}

#[test]
fn every_record_of_hubspot_is_mapped_as_its_snapshot_says() {
    snapshots("hubspot", Vendor::HubSpot);
}

#[test]
fn every_row_of_salesforce_is_mapped_as_its_snapshot_says() {
    snapshots("salesforce", Vendor::Salesforce);
}

#[test]
fn every_user_is_mapped_as_its_snapshot_says() {
    snapshots("users", Vendor::Attention);
}
