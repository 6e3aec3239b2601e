//! `gaps`.

mod closing;

use std::process::ExitCode;

use clap::Args;
use closing::Gap;
use desk::tenants;
use jiff::{SignedDuration, Timestamp};
use model::{TenantId, Window};
use serde_json::{Value, json};
use store::report::{self, Day, Missing};
use store::{Speaker, run_plan};

use crate::command::standing::{self, Standing};
use crate::command::times::{begin, between, end};
use crate::context::Context;
use crate::output::{self, or_dash};

/// So far back is looked where nothing else is asked for.
const DAYS_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Args)]
pub(crate) struct GapsArgs {
    /// Of this tenant only.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// From this day on: 2026-01-31 or 2026-01-31T12:00:00Z (default: a week ago).
    #[arg(long)]
    from: Option<String>,
    /// Until this time; a day without a time counts to its end (default: now).
    #[arg(long)]
    to: Option<String>,
}

pub(crate) async fn run(context: &Context, args: GapsArgs) -> anyhow::Result<ExitCode> {
    let from = args.from.as_deref().map(begin).transpose()?;
    let to = args.to.as_deref().map(end).transpose()?;
    let store = context.migrated_store().await?;
    tenants::check(&store, args.tenant.as_ref()).await?;
    let tx = store.begin(args.tenant.as_ref().map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let now = run_plan::database_now(&tx).await?;
    let window = window(from, to, now)?;
    let days = report::days(&tx, window).await?;
    let missing = report::missing(&tx, window).await?;
    let standings = standing::all(&tx, context.attempts_max()?).await?;
    tx.commit().await?;
    let of = |id| standings.iter().find(|standing| standing.connection.id == id);
    let days = days.iter().filter_map(|day| Some((day, of(day.connection_id)?)));
    let gaps = missing.iter().filter_map(|one| Some(gap(one, of(one.connection_id)?, &standings)));
    if context.json {
        for (day, standing) in days {
            output::json(&day_as_json(day, standing)?)?;
        }
        for gap in gaps {
            output::json(&gap.as_json())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let headings =
        ["connection", "day", "listed", "stored", "skipped", "pending", "dead", "under way", "vendor says"];
    output::table(
        &headings,
        days.map(|(day, standing)| row(day, standing)).collect(),
        "nothing was asked for in that time",
    );
    println!();
    let headings = ["gap", "when", "what", "closed by"];
    output::table(&headings, gaps.map(|gap| gap.row()).collect(), "no gaps");
    Ok(ExitCode::SUCCESS)
}

/// Whole days where nothing else is asked for.
fn window(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> anyhow::Result<Window> {
    let to = to.unwrap_or(now);
    let from = match from {
        Some(from) => from,
        None => begin(&to.checked_sub(DAYS_BACK)?.strftime("%Y-%m-%d").to_string())?,
    };
    between(from, to)
}

fn gap<'a>(missing: &'a Missing, standing: &'a Standing, all: &[Standing]) -> Gap<'a> {
    let name = desk::connections::name(&standing.connection);
    let alike = all.iter().filter(|one| desk::connections::name(&one.connection) == name).count();
    // with two accounts at one vendor the short name means neither
    let name = if alike == 1 { name } else { standing.connection.id.to_string() };
    Gap { missing, standing, name }
}

fn row(day: &Day, standing: &Standing) -> Vec<String> {
    let skipped: Vec<String> =
        day.skipped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    vec![
        desk::connections::name(&standing.connection),
        day.day.map_or_else(|| format!("all {}", day.stream), |day| day.to_string()),
        day.listed.to_string(),
        day.stored.to_string(),
        if skipped.is_empty() { "0".to_owned() } else { skipped.join(", ") },
        day.pending.to_string(),
        day.dead.to_string(),
        day.under_way.to_string(),
        or_dash(day.vendor_total),
    ]
}

fn day_as_json(day: &Day, standing: &Standing) -> anyhow::Result<Value> {
    let connection = &standing.connection;
    let mut whole = json!({
        "kind": "day", "connection": connection.id, "tenant": connection.tenant, "vendor": connection.vendor,
        "name": desk::connections::name(connection),
    });
    if let (Some(whole), Value::Object(counts)) = (whole.as_object_mut(), serde_json::to_value(day)?) {
        whole.extend(counts);
    }
    Ok(whole)
}
