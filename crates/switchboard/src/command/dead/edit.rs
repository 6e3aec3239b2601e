//! `dead draft|edit|undo`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use desk::dead::edit;
use model::DeadLetterId;
use serde_json::json;
use store::Store;

use super::decide::report;
use crate::context::Context;
use crate::output;

pub(super) async fn draft(
    context: &Context,
    store: &Store,
    id: DeadLetterId,
    file: &Path,
) -> anyhow::Result<ExitCode> {
    // to a file and not to a terminal: byte for byte what a vendor sent
    let draft = edit::draft(store, id).await?;
    std::fs::write(file, draft).with_context(|| format!("cannot write {}", file.display()))?;
    let words = format!("edit {}, then `switchboard dead edit {id} {}`", file.display(), file.display());
    report(context, &json!({ "draft": file }), &words)
}

pub(super) async fn edit(
    context: &Context,
    store: &Store,
    id: DeadLetterId,
    file: &Path,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let edited = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let difference = edit::edit(store, &context.operator(), id, &edited, dry_run).await?;
    if context.json {
        output::json(&json!({ "edited": !dry_run, "difference": difference }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in difference.lines() {
        output::say!("{line}");
    }
    if !dry_run {
        output::say!("`switchboard dead replay {id}` sends it; `switchboard dead undo {id}` takes it back");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn undo(context: &Context, store: &Store, id: DeadLetterId) -> anyhow::Result<ExitCode> {
    edit::undo(store, &context.operator(), id).await?;
    report(context, &json!({ "undone": id }), &format!("`switchboard dead replay {id}` sends the original"))
}
