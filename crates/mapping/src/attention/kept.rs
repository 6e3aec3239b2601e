//! What is kept as the vendor says it: evidence, not meaning.

use serde_json::{Map, Value};

use super::sources::Sources;
use crate::nul::NulSweeper;

/// Labels, scorecards, statuses, and the names of fields that held another type than expected.
pub(super) fn kept(sources: Sources<'_, '_>, is_mended: bool, nul: &mut NulSweeper) -> Value {
    let text = |text: std::borrow::Cow<'_, str>| Value::from(text.into_owned());
    let fields = [
        ("labels", sources.first(|one| one.labels.get())),
        ("scorecards", sources.first(|one| one.scorecards.get())),
        ("opportunity", sources.first(|one| one.external_opportunity.get())),
        (
            "intelligence_opportunity_id",
            sources.first(|one| one.intelligence_opportunity.get()).map(Value::from),
        ),
        ("import", sources.first(|one| one.import_metadata.get())),
        ("zoom", sources.first(|one| one.zoom_metadata.get())),
        ("team_id", sources.first(|one| one.team_uuid.get()).map(Value::from)),
        ("deal_id", sources.first(|one| one.deal_uuid.get()).map(Value::from)),
        ("referenceable", sources.first(|one| one.referenceable.get()).map(Value::from)),
        ("marked_internal", sources.first(|one| one.is_internal.get()).map(Value::from)),
        ("transcript_status", sources.transcript_status().map(text)),
        ("video_status", sources.first(|one| one.video_status.get()).map(text)),
        ("media_storage_status", sources.first(|one| one.media_storage_status.get()).map(text)),
        ("import_status", sources.first(|one| one.import_status.get()).map(text)),
        ("crm_export_status", sources.first(|one| one.crm_export_status.get()).map(text)),
        ("_odd_fields", odd_fields(sources)),
        ("_lone_surrogates_replaced", is_mended.then_some(Value::Bool(true))),
    ];
    let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    nul.value(Value::Object(said.collect::<Map<_, _>>()))
}

fn odd_fields(sources: Sources<'_, '_>) -> Option<Value> {
    let mut odd: Vec<&str> = sources.iter().flat_map(super::attributes::Attributes::odd_fields).collect();
    odd.sort_unstable();
    odd.dedup();
    (!odd.is_empty()).then(|| Value::from(odd))
}
