//! `connect attention`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use model::{Stream, Vendor, VendorAccount};
use secrecy::SecretString;
use serde_json::json;
use store::connection::Connection;
use vendors::attention::{self, Attention, AttentionAuth, HeaderForm, Workspace};
use vendors::{BaseUrl, Failure, HttpOptions, VendorError, VendorHttp};

use super::permits::Permits;
use super::{Checked, Defaults, Options, account_at, read_secret};
use crate::context::Context;

/// Attention publishes no limit; these are careful.
const DEFAULTS: Defaults = Defaults {
    vendor: Vendor::Attention,
    base_url: attention::BASE_URL,
    backfill_days: 90,
    requests_per_second: 2.0,
    in_flight: 2,
    lookback_s: 2 * 86_400,
    walk_interval_s: 7 * 86_400,
    requests_per_day: None,
};

#[derive(Debug, Args)]
pub(super) struct AttentionArgs {
    #[command(flatten)]
    options: Options,
    /// The file with the API key; without it the key is read from standard input.
    #[arg(long)]
    api_key_file: Option<PathBuf>,
    /// The workspace by its organization's id, where the key's users sit in teams of several (default: the one that is connected;
    /// before there is one, that of most teams).
    #[arg(long)]
    workspace: Option<String>,
}

pub(super) async fn run(context: &Context, args: AttentionArgs) -> anyhow::Result<ExitCode> {
    let options = &args.options;
    let store = context.migrated_store().await?;
    // whoever cannot keep it need not ask
    context.vault()?.check().await?;
    let known = options.known(&store, Vendor::Attention).await?;
    let base_url = BaseUrl::parse(&options.base_url(&known, &DEFAULTS), options.allow_http)?;
    let key = read_key(&args)?;
    let permits = options.permits(&store, Vendor::Attention, &known, &base_url);
    let (workspace, form) = probe(&permits, &base_url, &key).await?;
    let account = account(&workspace, &args, &base_url, &known)?;
    let checked = Checked {
        account: &account,
        names: &[],
        base_url: &base_url,
        secret: &key,
        header_form: form.as_str(),
        streams: &[Stream::Conversations, Stream::Users],
        domain_fields: &[],
        unpermitted: permits.unpermitted(),
    };
    let saved = options.save(context, &store, &known, &DEFAULTS, &checked).await?;
    let users = workspace.users.len();
    let what = format!("Attention workspace {account} with {users} users");
    options.report(context, &saved, &checked, &what, json!({ "vendor": Vendor::Attention, "users": users }))
}

/// The workspace a key belongs to. Users may sit in teams of several organisations, and move: whatever is connected stays what it is.
fn account(
    workspace: &Workspace,
    args: &AttentionArgs,
    base_url: &BaseUrl,
    known: &[Connection],
) -> anyhow::Result<VendorAccount> {
    let found: Vec<VendorAccount> = workspace.organizations.iter().map(|id| VendorAccount::of(id)).collect();
    if let Some(named) = &args.workspace {
        let named = VendorAccount::of(named);
        if !found.is_empty() && !found.contains(&named) {
            bail!("--workspace {named}: the key's users belong to {}; nothing was saved", listed(&found));
        }
        return Ok(named);
    }
    let connected: Vec<&VendorAccount> =
        found.iter().filter(|id| known.iter().any(|one| one.vendor_account == **id)).collect();
    match (connected.as_slice(), found.as_slice()) {
        ([only], _) => Ok((*only).clone()),
        ([], [most, ..]) => Ok(most.clone()),
        // a name that stays the same
        ([], []) => Ok(account_at(base_url, known, &args.options.tenant)?
            .unwrap_or_else(|| VendorAccount::of(&format!("{}@{}", args.options.tenant, base_url.host())))),
        (several, _) => bail!(
            "the key's users belong to several workspaces that are connected: say by --workspace which it is, {}; nothing was saved",
            listed(several.iter().copied())
        ),
    }
}

fn listed<'a>(accounts: impl IntoIterator<Item = &'a VendorAccount>) -> String {
    accounts.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn read_key(args: &AttentionArgs) -> anyhow::Result<SecretString> {
    let text = read_secret(args.api_key_file.as_deref(), &["API key"])?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) || !key.is_ascii() {
        bail!(
            "the API key must be one word of plain characters; give it by --api-key-file or standard input"
        );
    }
    Ok(SecretString::from(key))
}

/// Checks the key against the vendor, in both forms of the header, before anything is saved.
async fn probe(
    permits: &Permits<'_>,
    base_url: &BaseUrl,
    key: &SecretString,
) -> anyhow::Result<(Workspace, HeaderForm)> {
    let client = Attention::new(VendorHttp::new(&HttpOptions::default())?, base_url.clone());
    let ask = async |form: HeaderForm| {
        let auth = AttentionAuth { key: key.clone(), form };
        permits.ask_whose(|| client.users(&auth)).await
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
        _ => format!("{host} cannot be asked ({error}): check --base-url, or try again later"),
    }
}
