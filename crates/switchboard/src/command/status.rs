//! `status`.

use std::process::ExitCode;

use serde_json::json;
use store::{Speaker, connection, report, stream, vanish};

use crate::command::connections;
use crate::context::Context;
use crate::output::{self, or_dash};

pub(crate) async fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let tx = store.begin(Speaker::Everybody).await?;
    let all = connection::list(&tx).await?;
    let runs = report::runs_by_state(&tx).await?;
    let dead = report::dead_by_class(&tx).await?;
    let silences = stream::silences(&tx).await?;
    let held = vanish::held(&tx).await?;
    let oldest = report::oldest_waiting(&tx).await?;
    tx.commit().await?;
    let queues = desk::queues::look(&store, &context.queue_config()?).await?;
    if context.json {
        let silences: Vec<_> = silences
            .iter()
            .map(|one| json!({ "connection": one.connection_id, "since": one.since, "reason": one.reason }))
            .collect();
        let connections: Vec<_> = all.iter().map(|one| connections::as_json(one, None)).collect();
        output::json(&json!({
            "connections": connections, "runs": runs, "dead": dead, "queues": queues, "suspicious_silence": silences,
            "oldest_waiting_s": oldest, "vanished_held": held,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = all
        .iter()
        .map(|one| vec![one.id.to_string(), desk::connections::name(one), connections::status(one)]);
    output::table(&["connection", "name", "status"], rows.collect(), "there are no connections");
    println!();
    let busy = queues.iter().filter(|one| one.ready > 0 || one.consumers > 0 || one.oldest_s.is_some());
    let rows = busy.map(|one| {
        vec![
            one.queue.clone(),
            one.ready.to_string(),
            or_dash(one.in_hand),
            one.consumers.to_string(),
            or_dash(one.oldest_s.map(|seconds| format!("{seconds} s"))),
        ]
    });
    output::table(
        &["queue", "ready", "in hand", "consumers", "oldest waits"],
        rows.collect(),
        "every queue is empty and nobody consumes",
    );
    println!();
    let rows = runs.iter().map(|one| vec![one.name.clone(), one.count.to_string()]);
    output::table(&["runs", "count"], rows.collect(), "no run is open");
    if let Some(seconds) = oldest {
        println!("the oldest record without an outcome waits for {seconds:.0} s");
    }
    println!();
    let rows = dead.iter().map(|one| vec![one.name.clone(), one.count.to_string()]);
    output::table(&["dead letters", "count"], rows.collect(), "no dead letters");
    for (connection, count) in &held {
        println!(
            "HELD: {count} records of connection {connection} vanished at once; if that is right: `switchboard withdraw-vanished {connection}`"
        );
    }
    for silence in &silences {
        println!(
            "SUSPICIOUS since {}: connection {}: {}",
            output::second(silence.since),
            silence.connection_id,
            silence.reason
        );
    }
    Ok(ExitCode::SUCCESS)
}
