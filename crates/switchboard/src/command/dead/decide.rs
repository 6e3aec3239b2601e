//! `dead note|discard|restore`.

use std::process::ExitCode;

use desk::dead;
use serde_json::{Value, json};
use store::Store;
use store::dead_letter::LetterFilter;

use crate::command::ask::confirmed;
use crate::context::Context;
use crate::output;

pub(super) async fn note(
    context: &Context,
    store: &Store,
    group: &str,
    words: &str,
) -> anyhow::Result<ExitCode> {
    dead::note(store, &context.operator(), group, words).await?;
    report(context, &json!({ "noted": group }), &format!("noted: `switchboard dead group {group}` shows it"))
}

pub(super) async fn discard(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
    reason: &str,
    yes: bool,
) -> anyhow::Result<ExitCode> {
    let count = dead::count(store, filter).await?;
    if !yes && !confirmed(&format!("discard {count} dead letters"))? {
        return report(context, &json!({ "discarded": 0 }), "nothing was discarded");
    }
    let discarded = dead::discard(store, &context.operator(), filter, reason).await?;
    report(context, &json!({ "discarded": discarded }), &format!("discarded {discarded} dead letters"))
}

pub(super) async fn restore(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
) -> anyhow::Result<ExitCode> {
    let restored = dead::restore(store, &context.operator(), filter).await?;
    report(context, &json!({ "restored": restored }), &format!("restored {restored} dead letters"))
}

pub(super) fn report(context: &Context, value: &Value, words: &str) -> anyhow::Result<ExitCode> {
    if context.json {
        output::json(value)?;
    } else {
        output::say!("{words}");
    }
    Ok(ExitCode::SUCCESS)
}
