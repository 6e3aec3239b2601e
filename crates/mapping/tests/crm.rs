//! Every shape of a CRM's record that was seen or feared, one file each, and what becomes of it.

use std::path::Path;

use mapping::{ListedRecord, MappingError};
use model::{CrmRecord, Stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Fixture<'a> {
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

type Listed = fn(Stream, &RawValue, Option<&RawValue>) -> ListedRecord;
type Record = fn(Stream, &RawValue, Option<&RawValue>) -> Result<CrmRecord, MappingError>;

fn snapshots(vendor: &str, listed: Listed, record: Record) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(vendor);
    let mut paths: Vec<_> =
        folder.read_dir().expect("the fixtures").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "the fixtures are gone");
    for path in paths {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a fixture");
        let fixture: Fixture<'_> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name} is no fixture: {error}"));
        let row = listed(fixture.stream, fixture.listed, fixture.related);
        let mapped = Mapped {
            key: row.key.to_string(),
            id: row.id,
            record: record(fixture.stream, fixture.listed, fixture.related)
                .map_err(|error| error.to_string()),
        };
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path(format!("snapshots/{vendor}"));
        settings.bind(|| insta::assert_json_snapshot!(name, mapped));
    }
}

#[test]
fn every_record_of_hubspot_is_mapped_as_its_snapshot_says() {
    snapshots("hubspot", mapping::hubspot::listed, mapping::hubspot::record);
}

#[test]
fn every_row_of_salesforce_is_mapped_as_its_snapshot_says() {
    snapshots("salesforce", mapping::salesforce::listed, mapping::salesforce::record);
}
