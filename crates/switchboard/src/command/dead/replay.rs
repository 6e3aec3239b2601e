//! `dead replay`.

use std::process::ExitCode;

use desk::dead;
use serde_json::json;
use store::Store;
use store::dead_letter::LetterFilter;

use super::decide::report;
use crate::context::Context;

pub(super) async fn replay(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    if dry_run {
        let count = dead::count(store, filter).await?;
        let words = format!("would replay {count} dead letters");
        return report(context, &json!({ "would_replay": count }), &words);
    }
    let broker = context.broker()?;
    let replayed = dead::replay(store, &broker.publisher(), filter).await;
    broker.close().await;
    let replayed = replayed?;
    let words = format!(
        "replayed {} dead letters; {} had been superseded; {} were closed already; {} cannot be replayed",
        replayed.replayed, replayed.superseded, replayed.closed, replayed.impossible
    );
    report(context, &serde_json::to_value(replayed)?, &words)?;
    Ok(if replayed.impossible > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
