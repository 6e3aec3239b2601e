//! `freshness`.

use std::process::ExitCode;

use clap::Args;
use desk::tenants;
use jiff::SignedDuration;
use model::TenantId;
use store::Speaker;
use store::report::{self, Freshness, Spread};

use crate::context::Context;
use crate::output::{self, roughly};

#[derive(Debug, Args)]
pub(crate) struct FreshnessArgs {
    /// Of this tenant only.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Of calls that ended in the last so many days.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: i64,
}

pub(crate) async fn run(context: &Context, args: FreshnessArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    tenants::check(&store, args.tenant.as_ref()).await?;
    let tx = store.begin(args.tenant.as_ref().map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let found = report::freshness(&tx, SignedDuration::from_hours(24 * args.days)).await?;
    tx.commit().await?;
    if context.json {
        for one in &found {
            output::json(one)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let none = "no call has ended since a connection is live, as far back as --days says";
    let headings = ["connection", "calls", "half", "95 %", "99 %", "listed", "asked for", "stored"];
    output::table(&headings, found.iter().map(row).collect(), none);
    if !found.is_empty() {
        output::say!(
            "from the end of a call until it is stored; of that 95 % until the vendor listed it to us, then until it was asked for, \
             then until it was stored"
        );
    }
    for one in &found {
        output::say!("{}/{}: {}", one.tenant, one.vendor, lookbacks(one));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(one: &Freshness) -> Vec<String> {
    let Spread { p50_s, p95_s, p99_s } = one.total;
    vec![
        format!("{}/{}", one.tenant, one.vendor),
        one.calls.to_string(),
        stretch(p50_s),
        stretch(p95_s),
        stretch(p99_s),
        stretch(one.vendor_lag.p95_s),
        stretch(one.fetch_lag.p95_s),
        stretch(one.store_lag.p95_s),
    ]
}

/// What is shorter than ten seconds is worth a digit more.
fn stretch(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        roughly(SignedDuration::from_secs_f64(seconds).as_secs())
    }
}

fn lookbacks(one: &Freshness) -> String {
    let missed: Vec<String> = one
        .lookbacks
        .iter()
        .filter(|other| other.missed > 0)
        .map(|other| format!("{} with {}", other.missed, roughly(i64::from(other.lookback_s))))
        .collect();
    let now = roughly(i64::from(one.lookback_s));
    if missed.is_empty() {
        return format!("every call was listed within an hour of its end; syncs look back {now}");
    }
    format!("syncs look back {now}; calls that only a walk would have found: {}", missed.join(", "))
}
