//! Every shape of a conversation that was seen or feared, one file each, and what becomes of it.

use std::path::Path;

use mapping::attention::{ListedRow, conversation};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Fixture<'a> {
    #[serde(borrow)]
    listed: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Row {
    vendor_key: String,
    has_id: bool,
    is_skipped: bool,
    is_skipped_if_private_is_admitted: bool,
}

#[derive(Serialize)]
struct Mapped {
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<Row>,
    conversation: Result<model::Conversation, String>,
}

fn mapped(fixture: &Fixture<'_>) -> Mapped {
    // details have the form of a row, and are as telling
    let row = fixture.listed.or(fixture.detail).map(|row| {
        let listed = ListedRow::read(row);
        Row {
            vendor_key: listed.vendor_key.to_string(),
            has_id: listed.has_id,
            is_skipped: listed.is_skipped(false),
            is_skipped_if_private_is_admitted: listed.is_skipped(true),
        }
    });
    let conversation = conversation(fixture.listed, fixture.detail).map_err(|error| error.to_string());
    Mapped { row, conversation }
}

#[test]
fn every_fixture_is_mapped_as_its_snapshot_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/attention");
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 50, "the fixtures are gone");
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let fixture: Fixture<'_> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name} is no fixture: {error}"));
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("snapshots/attention");
        settings.bind(|| insta::assert_json_snapshot!(name, mapped(&fixture)));
    }
}
