//! `connections`, `enable`, `disable`, `pause`, `resume`, `disconnect`.

use std::process::ExitCode;

use anyhow::Context as _;
use model::ParkCause;
use serde_json::json;
use store::connection::{self, Connection};
use store::stream::Silence;
use store::{Speaker, credential, crm, stream, vanish};

use crate::cli::{OfTenant, OneConnection};
use crate::context::Context;
use crate::output;

pub(crate) async fn list(context: &Context, args: OfTenant) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    desk::tenants::check(&store, args.tenant.as_ref()).await?;
    let tx = store.begin(args.tenant.as_ref().map_or(Speaker::Everybody, Speaker::Tenant)).await?;
    let connections = connection::list(&tx).await?;
    let silences = stream::silences(&tx).await?;
    tx.commit().await?;
    if context.json {
        for one in &connections {
            output::json(&as_json(one, silence_of(one, &silences)))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = connections.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.tenant.to_string(),
            one.vendor.to_string(),
            one.vendor_account.to_string(),
            one.credential_state.clone(),
            shown_status(one, silence_of(one, &silences)),
        ]
    });
    let headings = ["connection", "tenant", "vendor", "account", "credential", "status"];
    output::table(&headings, rows.collect(), "there are no connections; `switchboard connect` makes one");
    Ok(ExitCode::SUCCESS)
}

/// Why its silence is suspicious, if it is.
pub(crate) fn silence_of<'a>(one: &Connection, silences: &'a [Silence]) -> Option<&'a str> {
    silences.iter().find(|silence| silence.connection_id == one.id).map(|silence| silence.reason.as_str())
}

/// Its status, or what is suspicious of it.
pub(crate) fn shown_status(one: &Connection, suspicious: Option<&str>) -> String {
    suspicious.map_or_else(|| status(one), |reason| format!("SUSPICIOUS: {reason}"))
}

fn status(one: &Connection) -> String {
    match (one.blocked, one.credential_held_since) {
        _ if one.disconnected_at.is_some() => "disconnected".to_owned(),
        _ if !one.enabled => "disabled".to_owned(),
        _ if one.paused_at.is_some() => "paused".to_owned(),
        (None | Some(ParkCause::VendorDown), Some(since)) => {
            format!("credential refused since {}, held as the vendor's outage", output::second(since))
        }
        (Some(cause), _) => format!("parked: {cause}"),
        (None, None) => "running".to_owned(),
    }
}

pub(crate) fn as_json(one: &Connection, suspicious: Option<&str>) -> serde_json::Value {
    json!({
        "connection": one.id, "tenant": one.tenant, "vendor": one.vendor, "vendor_account": one.vendor_account,
        "base_url": one.settings.base_url, "credential": one.credential_state,
        "credential_generation": one.credential_generation, "status": status(one), "blocked": one.blocked,
        "credential_held_since": one.credential_held_since,
        "suspicious_silence": suspicious, "backfill_days": one.settings.backfill_days,
        "interval_s": one.settings.interval_s, "lookback_s": one.settings.lookback_s,
    })
}

pub(crate) async fn set_enabled(
    context: &Context,
    args: &OneConnection,
    enabled: bool,
) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.connection).await?;
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    connection::set_enabled(&tx, one.id, enabled).await?;
    tx.commit().await?;
    done(context, &one, if enabled { "enabled" } else { "disabled" })
}

pub(crate) async fn set_paused(
    context: &Context,
    args: &OneConnection,
    paused: bool,
) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.connection).await?;
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    connection::set_paused(&tx, one.id, paused).await?;
    tx.commit().await?;
    done(context, &one, if paused { "paused" } else { "resumed" })
}

pub(crate) async fn disconnect(context: &Context, args: &OneConnection) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.connection).await?;
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    let stored = credential::current(&tx, one.id).await?;
    tx.commit().await?;
    if let Some(stored) = stored.filter(|stored| !stored.kept.is_in_row()) {
        // before its row is deleted: as long as that is there, whoever could not destroy the secret can try again
        let destroyed = context.vault()?.destroy(&stored.kept).await;
        destroyed.context("the secret could not be destroyed; nothing was changed")?;
    }
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    connection::disconnect(&tx, one.id).await?;
    tx.commit().await?;
    done(context, &one, "disconnected: the secret is destroyed, the data is kept")
}

pub(crate) async fn withdraw_vanished(context: &Context, args: &OneConnection) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    let one = desk::connections::find(&store, &args.connection).await?;
    let tx = store.begin(Speaker::Tenant(&one.tenant)).await?;
    let withdrawn = vanish::withdraw(&tx, one.id).await?;
    let gone = crm::gone::apply_held(&tx, one.id).await?;
    tx.commit().await?;
    let what = if one.vendor.is_crm() {
        format!("{gone} records taken for gone")
    } else {
        format!("{withdrawn} conversations withdrawn")
    };
    done(context, &one, &what)
}

fn done(context: &Context, one: &Connection, what: &str) -> anyhow::Result<ExitCode> {
    if context.json {
        output::json(&json!({ "connection": one.id, "done": what }))?;
    } else {
        println!("{} ({}): {what}", one.id, desk::connections::name(one));
    }
    Ok(ExitCode::SUCCESS)
}
