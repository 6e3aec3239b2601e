//! `connect attention`.

mod permits;

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use model::{ConnectionId, TenantId, Vendor, VendorAccount};
use secrecy::SecretString;
use secrets::{Keyring, credential_aad, seal};
use serde_json::json;
use store::connection::{self, Connection, ConnectionSettings};
use store::credential::{self, SealedCredential};
use store::{Speaker, Store, Tx, budget, stream, tenant};
use vendors::attention::{self, Attention, AttentionAuth, HeaderForm, Workspace};
use vendors::{BaseUrl, Failure, HttpOptions, VendorError, VendorHttp};

use crate::context::Context;
use crate::output;

/// Requests per second and in flight that Attention is asked at most, unless told otherwise: it publishes no limit.
const REQUESTS_PER_SECOND: f64 = 2.0;
const IN_FLIGHT_MAX: i32 = 2;

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    #[command(subcommand)]
    vendor: ConnectVendor,
}

#[derive(Debug, Subcommand)]
enum ConnectVendor {
    /// Connect an Attention workspace by its API key. The same command again reconnects, and keeps what is not given anew.
    Attention(AttentionArgs),
}

#[derive(Debug, Args)]
struct AttentionArgs {
    /// Whose connection it is.
    #[arg(long)]
    tenant: TenantId,
    /// Where the API is, with its path (default: `https://api.attention.tech/v2`).
    #[arg(long)]
    base_url: Option<String>,
    /// Allow plain HTTP: for a stand-in on this machine.
    #[arg(long)]
    allow_http: bool,
    /// How far back the history is fetched, in days (default: 90).
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=3650))]
    backfill_days: Option<i32>,
    /// Requests per second at most, for the whole workspace (default: 2).
    #[arg(long)]
    requests_per_second: Option<f64>,
    /// Requests in flight at most, for the whole workspace (default: 2).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=100))]
    in_flight: Option<i32>,
    /// Seconds between syncs, up to a day (default: 900).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=86_400))]
    interval_s: Option<i32>,
    /// How far every sync looks back, in seconds (default: 172800, two days).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    lookback_s: Option<i32>,
    /// Seconds between walks over all history that notice late changes (default: 604800, a week).
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    walk_interval_s: Option<i32>,
    /// Admit private conversations: true or false (default: false).
    #[arg(long)]
    admit_private: Option<bool>,
    /// The file with the API key; without it the key is read from standard input.
    #[arg(long)]
    api_key_file: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, args: ConnectArgs) -> anyhow::Result<ExitCode> {
    let ConnectVendor::Attention(args) = args.vendor;
    if args.requests_per_second.is_some_and(|rate| !(rate > 0.0 && rate <= 10_000.0)) {
        bail!("--requests-per-second: expected a number above 0 and up to 10000");
    }
    let store = context.migrated_store().await?;
    let keyring = context.keyring()?;
    let known = known(&store, &args).await?;
    let base_url = args.base_url.clone().unwrap_or_else(|| base_url_of(&known));
    let allow_http = args.allow_http;
    let base_url = BaseUrl::parse(&base_url, allow_http)?;
    let key = read_key(&args)?;
    let (workspace, form) = probe(&store, &accounts_at(&known, &base_url), &base_url, &key).await?;
    let account = account(&workspace, &args.tenant, &base_url, &known)?;
    let before = known.iter().find(|one| one.vendor_account == account);
    let settings = settings(&args, &base_url, allow_http, before);
    let (id, generation) = save(&store, &keyring, &args, &account, &settings, &key, form).await?;
    report(context, &args, id, generation, &account, &workspace, before.is_some())
}

/// The tenant's connections to this vendor; an error if there is no such tenant.
async fn known(store: &Store, args: &AttentionArgs) -> anyhow::Result<Vec<Connection>> {
    let tx = store.begin(Speaker::Tenant(&args.tenant)).await?;
    if tenant::load(&tx, &args.tenant).await?.is_none() {
        bail!(
            "there is no tenant {}: add it with `switchboard tenant add {} --name NAME`",
            args.tenant,
            args.tenant
        );
    }
    let all = connection::list(&tx).await?;
    tx.commit().await?;
    Ok(all.into_iter().filter(|one| one.vendor == Vendor::Attention).collect())
}

/// Where a reconnect goes without --base-url: where the one connection goes that is connected. Never over plain HTTP: a tenant that once
/// rehearsed with a stand-in must not send it its real key.
fn base_url_of(known: &[Connection]) -> String {
    let mut connected = known.iter().filter(|one| one.disconnected_at.is_none() && !one.settings.allow_http);
    match (connected.next(), connected.next()) {
        (Some(only), None) => only.settings.base_url.clone(),
        _ => attention::BASE_URL.to_owned(),
    }
}

fn read_key(args: &AttentionArgs) -> anyhow::Result<SecretString> {
    let text = if let Some(file) = &args.api_key_file {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
    } else {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the key from standard input")?;
        text
    };
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) || !key.is_ascii() {
        bail!(
            "the API key must be one word of plain characters; give it by --api-key-file or standard input"
        );
    }
    Ok(SecretString::from(key))
}

/// The workspaces that are connected there, and have a limit that holds for this command as well.
fn accounts_at(known: &[Connection], base_url: &BaseUrl) -> Vec<VendorAccount> {
    let there = known.iter().filter(|one| one.settings.base_url == base_url.as_str());
    there.map(|one| one.vendor_account.clone()).collect()
}

/// Checks the key against the vendor, in both forms of the header, before anything is saved.
async fn probe(
    store: &Store,
    accounts: &[VendorAccount],
    base_url: &BaseUrl,
    key: &SecretString,
) -> anyhow::Result<(Workspace, HeaderForm)> {
    let client = Attention::new(VendorHttp::new(&HttpOptions::default())?, base_url.clone());
    let ask = async |form: HeaderForm| {
        let auth = AttentionAuth { key: key.clone(), form };
        permits::under_permits(store, accounts, client.users(&auth)).await
    };
    let first = match ask(HeaderForm::Bearer).await? {
        Ok(workspace) => return Ok((workspace, HeaderForm::Bearer)),
        Err(error) => error,
    };
    if matches!(first.failure, Failure::Credential | Failure::Forbidden)
        && let Ok(workspace) = ask(HeaderForm::Bare).await?
    {
        return Ok((workspace, HeaderForm::Bare));
    }
    bail!("{}; nothing was saved", explain(&first, base_url))
}

fn explain(error: &VendorError, base_url: &BaseUrl) -> String {
    let host = base_url.host();
    match error.failure {
        Failure::Credential => format!(
            "{host} refuses the API key ({error}): make a new one under Settings > Organization > API Keys"
        ),
        Failure::Forbidden => {
            format!(
                "{host} accepts the key but not for this workspace's users ({error}): an organization-level key is needed"
            )
        }
        Failure::NotFound => {
            format!("there is no Attention API at {} ({error}): check --base-url", base_url.as_str())
        }
        Failure::UnexpectedShape => {
            format!("{} does not answer like Attention ({error}): check --base-url", base_url.as_str())
        }
        Failure::Redirect => {
            format!("{host} redirects elsewhere ({error}): give the final address as --base-url")
        }
        Failure::RateLimited => format!("{host} limits the rate right now ({error}): try again in a while"),
        _ => format!("{host} cannot be asked right now ({error})"),
    }
}

/// The vendor's own organisation. Where it does not tell, the one connection there is; else a name that stays the same.
fn account(
    workspace: &Workspace,
    tenant: &TenantId,
    base_url: &BaseUrl,
    known: &[Connection],
) -> anyhow::Result<VendorAccount> {
    if let Some(organization) = &workspace.organization {
        return Ok(VendorAccount::of(organization));
    }
    let mut same_base = known.iter().filter(|one| one.settings.base_url == base_url.as_str());
    match (same_base.next(), same_base.next()) {
        (Some(only), None) => Ok(only.vendor_account.clone()),
        (None, _) => Ok(VendorAccount::of(&format!("{tenant}@{}", base_url.host()))),
        (Some(_), Some(_)) => {
            bail!(
                "the workspace does not tell its organization, and tenant {tenant} has several connections there"
            )
        }
    }
}

fn settings(
    args: &AttentionArgs,
    base_url: &BaseUrl,
    allow_http: bool,
    before: Option<&Connection>,
) -> ConnectionSettings {
    let before = before.map(|one| &one.settings);
    let kept = |given: Option<i32>, field: fn(&ConnectionSettings) -> i32, default: i32| {
        given.or(before.map(field)).unwrap_or(default)
    };
    ConnectionSettings {
        base_url: base_url.as_str().to_owned(),
        allow_http,
        backfill_days: kept(args.backfill_days, |one| one.backfill_days, 90),
        interval_s: kept(args.interval_s, |one| one.interval_s, 900),
        lookback_s: kept(args.lookback_s, |one| one.lookback_s, 2 * 86_400),
        walk_interval_s: kept(args.walk_interval_s, |one| one.walk_interval_s, 7 * 86_400),
        admit_private: args.admit_private.or(before.map(|one| one.admit_private)).unwrap_or(false),
    }
}

/// One transaction: connection, limits, sealed credential. What was parked for the old credential is released by the sweep.
async fn save(
    store: &Store,
    keyring: &Keyring,
    args: &AttentionArgs,
    account: &VendorAccount,
    settings: &ConnectionSettings,
    key: &SecretString,
    form: HeaderForm,
) -> anyhow::Result<(ConnectionId, i32)> {
    let tenant = &args.tenant;
    let tx = store.begin(Speaker::Tenant(tenant)).await?;
    let (id, _first) = connection::connect(&tx, tenant, Vendor::Attention, account, settings).await?;
    set_limits(&tx, args, account).await?;
    let generation = credential::next_generation(&tx, id).await?;
    let sealed = seal(keyring, &credential_aad(tenant, id, generation), key);
    let credential = SealedCredential {
        generation,
        key_id: sealed.key_id,
        sealed: sealed.bytes,
        header_form: form.as_str().to_owned(),
        valid: true,
        refused: false,
        endpoint_forms: std::collections::BTreeMap::new(),
    };
    credential::save(&tx, tenant, id, &credential).await?;
    stream::make_due(&tx, id).await?;
    tx.commit().await?;
    Ok((id, generation))
}

async fn set_limits(tx: &Tx, args: &AttentionArgs, account: &VendorAccount) -> anyhow::Result<()> {
    let before = budget::limits(tx, Vendor::Attention, account).await?;
    let (rate, in_flight) = before.unwrap_or((REQUESTS_PER_SECOND, IN_FLIGHT_MAX));
    let rate = args.requests_per_second.unwrap_or(rate);
    budget::set_limits(tx, Vendor::Attention, account, rate, args.in_flight.unwrap_or(in_flight)).await?;
    Ok(())
}

fn report(
    context: &Context,
    args: &AttentionArgs,
    id: ConnectionId,
    generation: i32,
    account: &VendorAccount,
    workspace: &Workspace,
    reconnected: bool,
) -> anyhow::Result<ExitCode> {
    if context.json {
        output::json(&json!({
            "connection": id, "tenant": args.tenant, "vendor": Vendor::Attention, "vendor_account": account,
            "credential_generation": generation, "reconnected": reconnected, "users": workspace.users.len(),
        }))?;
    } else {
        let what = if reconnected { "reconnected" } else { "connected" };
        println!("{what} {id}: Attention workspace {account} with {} users", workspace.users.len());
        println!("follow it with `switchboard runs --tenant {}`", args.tenant);
    }
    Ok(ExitCode::SUCCESS)
}
