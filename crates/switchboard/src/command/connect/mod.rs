//! `connect`: a subcommand per vendor, and what is the same at all of them.

mod attention;
mod callback;
mod gong;
mod grant;
mod hubspot;
mod oauth;
mod permits;
mod salesforce;

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use model::{ConnectionId, Stream, TenantId, Vendor, VendorAccount};
use secrecy::SecretString;
use secrets::{Owner, Vault};
use serde_json::json;
use store::connection::{self, Connection, ConnectionSettings};
use store::credential::{self, StoredCredential};
use store::{Speaker, Store, Tx, budget, stream, vendor_account};
use vendors::BaseUrl;

use crate::command::standing;
use crate::context::Context;
use crate::{output, usage};
use permits::Permits;

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    #[command(subcommand)]
    vendor: ConnectVendor,
}

#[derive(Debug, Subcommand)]
enum ConnectVendor {
    /// Connect an Attention workspace by its API key. The same command again reconnects, and keeps what is not given anew.
    Attention(attention::AttentionArgs),
    /// Connect a Gong company by an access key and its secret, or by OAuth. The same command again reconnects, and keeps what is not given anew.
    Gong(gong::GongArgs),
    /// Connect a HubSpot portal by a token, or by OAuth: its companies, contacts and deals decide whose calls are whose. The same command again
    /// reconnects, and keeps what is not given anew.
    Hubspot(hubspot::HubSpotArgs),
    /// Connect a Salesforce organization by an app, or by an access token: its accounts, contacts, leads and opportunities decide whose calls are
    /// whose. The same command again reconnects, and keeps what is not given anew.
    Salesforce(salesforce::SalesforceArgs),
}

/// What can be said of every connection.
#[derive(Debug, Args)]
struct Options {
    /// Whose connection it is.
    #[arg(long)]
    tenant: TenantId,
    /// Where the API is (default: the vendor's own; at Attention with its path; at Salesforce the organization's My Domain, without default).
    #[arg(long)]
    base_url: Option<String>,
    /// Allow plain HTTP, and any host: for a stand-in on this machine.
    #[arg(long)]
    allow_http: bool,
    /// How far back the history is fetched, in days (default: 90; at Gong 2; a CRM is always taken in whole).
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=3650))]
    backfill_days: Option<i32>,
    /// Requests per second at most, from 0.01 to 10000, for the whole account at the vendor (default: 2; at Gong 3, at HubSpot 9, at Salesforce 5).
    #[arg(long)]
    requests_per_second: Option<f64>,
    /// Requests in flight at most, for the whole account at the vendor (default: 2; at HubSpot and Salesforce 4).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=100))]
    in_flight: Option<i32>,
    /// Requests a day at most, for the whole account at the vendor (default: none; at Gong and Salesforce 10000).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    requests_per_day: Option<i32>,
    /// Seconds between syncs, up to a day (default: 900).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=86_400))]
    interval_s: Option<i32>,
    /// How far every sync looks back, in seconds (default: 172800, two days; of a CRM how far it reaches back
    /// into the sync before, 900).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    lookback_s: Option<i32>,
    /// Seconds between walks over all history that notice late changes (default: 604800, a week; of a CRM 86400).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    walk_interval_s: Option<i32>,
    /// Admit private conversations: true or false (default: false).
    #[arg(long)]
    admit_private: Option<bool>,
    /// Connect without syncing yet: `switchboard enable` begins.
    #[arg(long)]
    disabled: bool,
}

/// What a vendor's connections are like unless somebody says otherwise.
struct Defaults {
    vendor: Vendor,
    base_url: &'static str,
    backfill_days: i32,
    requests_per_second: f64,
    in_flight: i32,
    lookback_s: i32,
    walk_interval_s: i32,
    requests_per_day: Option<i32>,
}

/// What was found out and shall be saved.
struct Checked<'a> {
    account: &'a VendorAccount,
    /// What else it goes by, where names come and go.
    names: &'a [VendorAccount],
    base_url: &'a BaseUrl,
    secret: &'a SecretString,
    /// `bearer`, `bare` or `basic`.
    header_form: &'static str,
    /// What it brings in.
    streams: &'a [Stream],
    /// Fields of the organization's own that hold an account's domains.
    domain_fields: &'a [String],
    /// Requests of the check that are not counted yet.
    unpermitted: i32,
}

/// What became of saving it.
struct Saved {
    id: ConnectionId,
    generation: i32,
    reconnected: bool,
    /// What a person should know of it.
    notes: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: ConnectArgs) -> anyhow::Result<ExitCode> {
    match args.vendor {
        ConnectVendor::Attention(args) => attention::run(context, args).await,
        ConnectVendor::Gong(args) => gong::run(context, args).await,
        ConnectVendor::Hubspot(args) => hubspot::run(context, args).await,
        ConnectVendor::Salesforce(args) => salesforce::run(context, args).await,
    }
}

impl Options {
    /// The tenant's connections to the vendor; an error if there is no such tenant, or an option cannot be.
    async fn known(&self, store: &Store, vendor: Vendor) -> anyhow::Result<Vec<Connection>> {
        if self.requests_per_second.is_some_and(|rate| !(0.01..=10_000.0).contains(&rate)) {
            return Err(usage::wrong("--requests-per-second: expected a number from 0.01 to 10000"));
        }
        desk::tenants::check(store, Some(&self.tenant)).await?;
        let tx = store.begin(Speaker::Tenant(&self.tenant)).await?;
        let all = connection::list(&tx).await?;
        tx.commit().await?;
        Ok(all.into_iter().filter(|one| one.vendor == vendor).collect())
    }

    /// Where to connect to: without --base-url, where the one connection goes that is connected. Never over plain HTTP: a tenant that
    /// once rehearsed with a stand-in must not send it its real key.
    fn base_url(&self, known: &[Connection], defaults: &Defaults) -> String {
        let connected = |one: &&Connection| one.disconnected_at.is_none() && !one.settings.allow_http;
        let mut connected = known.iter().filter(connected);
        match (&self.base_url, connected.next(), connected.next()) {
            (Some(given), ..) => given.clone(),
            (None, Some(only), None) => only.settings.base_url.clone(),
            _ => defaults.base_url.to_owned(),
        }
    }

    /// Permits for the check: of every account that is connected there, because its limit holds for this command as well.
    fn permits<'a>(
        &self,
        store: &'a Store,
        vendor: Vendor,
        known: &[Connection],
        base_url: &BaseUrl,
    ) -> Permits<'a> {
        let there = known.iter().filter(|one| one.settings.base_url == base_url.as_str());
        let accounts = there.map(|one| one.vendor_account.clone()).collect();
        Permits::of(store, vendor, accounts, self.requests_per_second)
    }

    fn settings(
        &self,
        checked: &Checked<'_>,
        before: Option<&Connection>,
        defaults: &Defaults,
    ) -> ConnectionSettings {
        let before = before.map(|one| &one.settings);
        let kept = |given: Option<i32>, field: fn(&ConnectionSettings) -> i32, default: i32| {
            given.or(before.map(field)).unwrap_or(default)
        };
        ConnectionSettings {
            base_url: checked.base_url.as_str().to_owned(),
            allow_http: self.allow_http,
            backfill_days: kept(self.backfill_days, |one| one.backfill_days, defaults.backfill_days),
            interval_s: kept(self.interval_s, |one| one.interval_s, 900),
            lookback_s: kept(self.lookback_s, |one| one.lookback_s, defaults.lookback_s),
            walk_interval_s: kept(self.walk_interval_s, |one| one.walk_interval_s, defaults.walk_interval_s),
            admit_private: self.admit_private.or(before.map(|one| one.admit_private)).unwrap_or(false),
            domain_fields: checked.domain_fields.to_vec(),
        }
    }

    /// One transaction: connection, limits, sealed credential. What was parked for the old credential is released by the sweep.
    async fn save(
        &self,
        context: &Context,
        store: &Store,
        known: &[Connection],
        defaults: &Defaults,
        checked: &Checked<'_>,
    ) -> anyhow::Result<Saved> {
        let (tenant, account) = (&self.tenant, checked.account);
        let before = known.iter().find(|one| one.vendor_account == *account);
        let settings = self.settings(checked, before, defaults);
        let vault = context.vault()?;
        refuse_strange_key(store, &vault).await?;
        let owner = Owner { tenant, connection_id: ConnectionId::derive(tenant, defaults.vendor, account) };
        // before the transaction: it may take a while
        let deposit = vault.put(owner, checked.secret).await?;
        let tx = store.begin(Speaker::Tenant(tenant)).await?;
        let (id, _first) =
            connection::connect(&tx, tenant, defaults.vendor, account, &settings, checked.streams).await?;
        self.set_limits(&tx, checked, defaults).await?;
        vendor_account::remember(&tx, defaults.vendor, account, checked.names).await?;
        if self.disabled {
            connection::set_enabled(&tx, id, false).await?;
        }
        let generation = credential::next_generation(&tx, id).await?;
        let before_kept = credential::current(&tx, id).await?.map(|stored| stored.kept);
        let kept = vault.keep(owner, generation, &deposit, before_kept.as_ref())?;
        let fresh = StoredCredential::fresh(generation, kept, checked.header_form);
        credential::save(&tx, tenant, id, &fresh).await?;
        stream::make_due(&tx, id).await?;
        if before.is_some_and(|one| one.settings.domain_fields != settings.domain_fields) {
            // what nobody touches since shows its domains as well
            stream::make_walk_due(&tx, id).await?;
        }
        tx.commit().await?;
        vault.tidy(before_kept.as_ref(), &fresh.kept).await;
        let notes = notes(context, store, id).await?;
        Ok(Saved { id, generation, reconnected: before.is_some(), notes })
    }

    async fn set_limits(&self, tx: &Tx, checked: &Checked<'_>, defaults: &Defaults) -> anyhow::Result<()> {
        let account = checked.account;
        let before = budget::limits(tx, defaults.vendor, account).await?;
        let (rate, in_flight) = before.unwrap_or((defaults.requests_per_second, defaults.in_flight));
        let rate = self.requests_per_second.unwrap_or(rate);
        let in_flight = self.in_flight.unwrap_or(in_flight);
        budget::set_limits(tx, defaults.vendor, account, rate, in_flight).await?;
        let per_day = budget::day_limit(tx, defaults.vendor, account).await?;
        let per_day = self.requests_per_day.or(per_day).or(defaults.requests_per_day);
        budget::set_day_limit(tx, defaults.vendor, account, per_day).await?;
        if before.is_none() {
            // nobody knew whose requests the check's were
            budget::hold_back(tx, defaults.vendor, account, checked.unpermitted).await?;
        }
        Ok(())
    }

    /// Says what is connected now; `details` are the vendor's own, `what` names them for people.
    fn report(
        &self,
        context: &Context,
        saved: &Saved,
        checked: &Checked<'_>,
        what: &str,
        details: serde_json::Value,
    ) -> anyhow::Result<ExitCode> {
        if context.json {
            let mut report = json!({
                "connection": saved.id, "tenant": self.tenant, "vendor_account": checked.account,
                "credential_generation": saved.generation, "reconnected": saved.reconnected, "notes": saved.notes,
                "streams": checked.streams,
            });
            if let (Some(report), serde_json::Value::Object(details)) = (report.as_object_mut(), details) {
                report.extend(details);
            }
            output::json(&report)?;
            return Ok(ExitCode::SUCCESS);
        }
        let done = if saved.reconnected { "reconnected" } else { "connected" };
        output::say!("{done} {}: {what}", saved.id);
        for note in &saved.notes {
            output::say!("note: {note}");
        }
        if !self.disabled {
            output::say!("follow it with `switchboard runs --tenant {}`", self.tenant);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A credential sealed under a key that no role has would wait for it for ever.
async fn refuse_strange_key(store: &Store, vault: &Vault) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Everybody).await?;
    let ids = credential::key_ids(&tx).await?;
    tx.commit().await?;
    if !vault.shares_a_key(&ids) {
        bail!(
            "the key file is not the one that sealed what is here (key {}), so that fetchers could not open this credential: name theirs \
             in SWITCHBOARD_MASTER_KEY_FILE, or, if that is lost, `switchboard disconnect` what it sealed; nothing was saved",
            ids.join(", ")
        );
    }
    Ok(())
}

/// What stops a connection that was just saved, and who else has it.
async fn notes(context: &Context, store: &Store, id: ConnectionId) -> anyhow::Result<Vec<String>> {
    let tx = store.begin(Speaker::Everybody).await?;
    let all = standing::all(&tx, context.attempts_max()?).await?;
    tx.commit().await?;
    let mine = all.iter().find(|one| one.connection.id == id).context("the connection is gone")?;
    let mut notes: Vec<String> = mine.obstacle().into_iter().collect();
    let same = |one: &&Connection| {
        let mine = &mine.connection;
        one.tenant != mine.tenant && one.vendor == mine.vendor && one.vendor_account == mine.vendor_account
    };
    let others =
        all.iter().map(|one| &one.connection).filter(same).filter(|one| one.disconnected_at.is_none());
    notes.extend(others.map(|other| {
        format!(
            "tenant {} has connected the same account: both get its calls, and share its limits",
            other.tenant
        )
    }));
    Ok(notes)
}

/// The account by which a vendor's connection is known where the vendor does not tell: that of the one connection there is at the same
/// place; `None` if there is none, an error if there are several.
fn account_at(
    base_url: &BaseUrl,
    known: &[Connection],
    tenant: &TenantId,
) -> anyhow::Result<Option<VendorAccount>> {
    let mut same_base = known.iter().filter(|one| one.settings.base_url == base_url.as_str());
    match (same_base.next(), same_base.next()) {
        (Some(only), None) => Ok(Some(only.vendor_account.clone())),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => {
            bail!(
                "the vendor does not tell whose account it is, and tenant {tenant} has several connections there"
            )
        }
    }
}

/// Reads a secret from its file, or from standard input: from a person line by line and unseen, each asked for by its name.
fn read_secret(file: Option<&Path>, names: &[&str]) -> anyhow::Result<String> {
    if let Some(file) = file {
        return read_text(file);
    }
    if std::io::stdin().is_terminal() {
        let ask = |name: &&str| rpassword::prompt_password(format!("{name} (it is not shown): "));
        let lines: Result<Vec<String>, _> = names.iter().map(ask).collect();
        return Ok(lines.context("cannot read from the terminal")?.join("\n"));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the key from standard input")?;
    Ok(unmarked(text))
}

/// Reads a text file that a person has written.
fn read_text(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(unmarked(text))
}

/// Without the byte order mark that some editors put before a text, and nobody sees.
fn unmarked(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}
