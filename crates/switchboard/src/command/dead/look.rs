//! `dead groups|group|list|show|actions`.

use std::process::ExitCode;

use desk::dead::{self, Group};
use model::DeadLetterId;
use serde_json::{Value, json};
use store::Store;
use store::dead_letter::{FiledLetter, LetterFilter};
use store::desk_action::Action;

use crate::context::Context;
use crate::output::{self, or_dash, short};

pub(super) async fn groups(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
) -> anyhow::Result<ExitCode> {
    let groups = dead::groups(store, filter).await?;
    if context.json {
        for group in &groups {
            output::json(group)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = groups.iter().map(|Group { letters: one, trend, .. }| {
        vec![
            one.group.clone(),
            one.letters.to_string(),
            (*trend).to_owned(),
            one.tenants.len().to_string(),
            or_dash(one.vendor.as_ref()),
            one.stage.clone(),
            one.class.clone(),
            output::second(one.first_failed_at),
            output::second(one.last_failed_at),
            short(&one.example, 60),
            or_dash(one.note.as_ref().map(|note| short(note, 30))),
        ]
    });
    let headings = [
        "group", "letters", "trend", "tenants", "vendor", "stage", "class", "first", "last", "example",
        "note",
    ];
    output::table(&headings, rows.collect(), "no dead letters");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn group(context: &Context, store: &Store, name: &str) -> anyhow::Result<ExitCode> {
    let full = dead::group(store, name).await?;
    let example = in_full(&full.example);
    if context.json {
        let mut whole = serde_json::to_value(&full.group)?;
        whole["example_letter"] = example;
        whole["actions"] = serde_json::to_value(&full.actions)?;
        output::json(&whole)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Group { letters: one, trend, runbook } = &full.group;
    output::say!(
        "{} letters of {} at stage {}: {}",
        one.letters,
        or_dash(one.vendor.as_ref()),
        one.stage,
        one.class
    );
    output::say!("cause: {}", one.fingerprint);
    output::say!(
        "first {}, last {}; {}: {} in the last hour, {} in the hour before",
        output::second(one.first_failed_at),
        output::second(one.last_failed_at),
        trend,
        one.last_hour,
        one.hour_before
    );
    output::say!("tenants: {}", if one.tenants.is_empty() { "-".to_owned() } else { one.tenants.join(", ") });
    output::say!("what to do: {runbook}");
    for action in &full.actions {
        output::say!("{}", sentence(action));
    }
    output::say!("the letter that failed last:");
    pretty(&example)
}

pub(super) async fn list(
    context: &Context,
    store: &Store,
    filter: &LetterFilter,
    limit: Option<i64>,
) -> anyhow::Result<ExitCode> {
    let letters = dead::list(store, filter, limit.unwrap_or(i64::MAX)).await?;
    if context.json {
        for one in &letters {
            output::json(&as_json(one))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = letters.iter().map(|one| {
        vec![
            one.letter.id.to_string(),
            one.group.clone(),
            or_dash(one.letter.tenant.as_ref()),
            one.letter.stage.clone(),
            one.letter.error_class.clone(),
            or_dash(one.letter.vendor_key.as_ref()),
            one.state.clone(),
            short(&one.letter.error, 60),
        ]
    });
    let headings = ["letter", "group", "tenant", "stage", "class", "record", "state", "error"];
    output::table(&headings, rows.collect(), "no dead letters");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn show(context: &Context, store: &Store, id: DeadLetterId) -> anyhow::Result<ExitCode> {
    let whole = in_full(&dead::show(store, id).await?);
    if context.json {
        output::json(&whole)?;
        return Ok(ExitCode::SUCCESS);
    }
    pretty(&whole)
}

pub(super) async fn actions(
    context: &Context,
    store: &Store,
    group: Option<&str>,
    limit: Option<i64>,
) -> anyhow::Result<ExitCode> {
    let actions = dead::actions(store, group, limit.unwrap_or(i64::MAX)).await?;
    if context.json {
        for action in &actions {
            output::json(action)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = actions.iter().map(|one| {
        vec![
            output::second(one.at),
            one.operator.clone(),
            one.action.clone(),
            one.letters.to_string(),
            one.chosen.to_string(),
            or_dash(one.words.as_ref()),
        ]
    });
    let headings = ["at", "operator", "action", "letters", "chosen", "words"];
    output::table(&headings, rows.collect(), "nothing was done about dead letters");
    Ok(ExitCode::SUCCESS)
}

fn sentence(action: &Action) -> String {
    let words = action.words.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
    let many = if action.letters > 0 { format!(" of {} letters", action.letters) } else { String::new() };
    format!("{} {} by {}{many}{words}", output::second(action.at), action.action, action.operator)
}

fn pretty(value: &Value) -> anyhow::Result<ExitCode> {
    for line in serde_json::to_string_pretty(value)?.lines() {
        output::say!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn in_full(one: &FiledLetter) -> Value {
    let mut whole = as_json(one);
    let text = || Value::from(String::from_utf8_lossy(&one.letter.body).as_ref());
    whole["body"] = serde_json::from_slice(&one.letter.body).unwrap_or_else(|_| text());
    // it was read when it was edited
    whole["edited_body"] =
        one.edited_body.as_ref().and_then(|body| serde_json::from_slice::<Value>(body).ok()).into();
    whole
}

fn as_json(one: &FiledLetter) -> Value {
    let letter = &one.letter;
    json!({
        "id": letter.id, "group": one.group, "state": one.state, "tenant": letter.tenant, "stage": letter.stage,
        "queue": letter.origin_queue, "vendor": letter.vendor, "connection": letter.connection_id, "run": letter.run_id,
        "record": letter.vendor_key, "version": letter.version, "class": letter.error_class, "error": letter.error,
        "fingerprint": letter.fingerprint, "attempts": letter.attempts, "deaths": one.deaths, "replays": one.replays,
        "worker": letter.worker, "trace": letter.trace_id, "headers": letter.headers,
        "first_failed_at": letter.first_failed_at, "last_failed_at": letter.last_failed_at, "resolution": one.resolution,
        "forgotten_at": one.forgotten_at,
    })
}
