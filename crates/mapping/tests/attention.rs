//! Every shape of a conversation that was seen or feared, one file each, and what becomes of it.

mod fixtures;

#[test]
fn every_fixture_is_mapped_as_its_snapshot_says() {
    fixtures::compare_with_snapshots(
        "attention",
        mapping::attention::listed_row,
        mapping::attention::conversation,
    );
}
