//! `connect hubspot`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use model::{Stream, Vendor, VendorAccount};
use secrecy::SecretString;
use secrets::Credential;
use serde_json::json;
use store::{Speaker, Store, budget};
use vendors::hubspot::{self, HubSpot, Object, Portal, SCOPE_OWNERS};
use vendors::oauth::ClientIn;
use vendors::{ApiVersions, BaseUrl, Bearer, Failure, HttpOptions, VendorError, VendorHttp};

use super::oauth::{OAuthArgs, Provider};
use super::permits::Permits;
use super::{Checked, Defaults, Options, read_secret};
use crate::context::Context;
use crate::output;

/// What the smallest plan allows; changes show in searches a while later, and what shows in no search is found by a daily walk.
const DEFAULTS: Defaults = Defaults {
    vendor: Vendor::HubSpot,
    base_url: hubspot::BASE_URL,
    backfill_days: 0,
    requests_per_second: 9.0,
    in_flight: 4,
    lookback_s: 900,
    walk_interval_s: 86_400,
    requests_per_day: None,
};

/// Searches have a limit of their own, half of the other: five a second in every plan.
const SEARCH_SHARE: f64 = 0.5;

#[derive(Debug, Args)]
pub(super) struct HubSpotArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    oauth: OAuthArgs,
    /// The file with a service key or a private app's token; without it the token is read from standard input.
    #[arg(long, conflicts_with = "oauth_client_file")]
    token_file: Option<PathBuf>,
}

/// What a token may read.
struct Probed {
    portal: Portal,
    readable: Vec<Object>,
    missing: Vec<Object>,
    /// Whether it may read the portal's own people.
    reads_owners: bool,
}

pub(super) async fn run(context: &Context, args: HubSpotArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    // whoever cannot keep it need not ask
    context.vault()?.check().await?;
    let options = &args.options;
    let known = options.known(&store, Vendor::HubSpot).await?;
    let base_url = BaseUrl::parse(&options.base_url(&known, &DEFAULTS), options.allow_http)?;
    let version = ApiVersions::from_env(&context.env)?.hubspot;
    let credential = credential(&args, &base_url, &version).await?;
    let token = credential.token();
    let client = HubSpot::new(VendorHttp::new(&HttpOptions::default())?, base_url.clone(), version);
    let permits = options.permits(&store, Vendor::HubSpot, &known, &base_url);
    let probed = probe(&permits, &client, &base_url, token).await?;
    let account = VendorAccount::of(&probed.portal.id);
    let objects = probed.readable.iter().map(|object| stream_of(*object));
    let streams: Vec<Stream> = objects.chain(probed.reads_owners.then_some(Stream::Users)).collect();
    let checked = Checked {
        account: &account,
        names: &[],
        base_url: &base_url,
        secret: &credential.to_secret(),
        header_form: "bearer",
        streams: &streams,
        domain_fields: &[],
        unpermitted: permits.unpermitted(),
    };
    let saved = options.save(context, &store, &known, &DEFAULTS, &checked).await?;
    set_search_limit(&store, options, &account).await?;
    let mut missing: Vec<&str> = probed.missing.iter().map(|object| object.scope()).collect();
    if !probed.reads_owners {
        missing.push(SCOPE_OWNERS);
    }
    if !context.json {
        for object in &probed.missing {
            output::say!("note: the token lacks the scope {}: {}", object.scope(), loss(*object));
        }
        if !probed.reads_owners {
            output::say!(
                "note: the token lacks the scope {SCOPE_OWNERS}: your own people are known by the tenant's domains, and by \
                 what else is connected"
            );
        }
    }
    let details = json!({ "vendor": Vendor::HubSpot, "missing_scopes": missing });
    options.report(context, &saved, &checked, &format!("HubSpot portal {account}"), details)
}

/// What the portal is asked with: a token as it is, or one that a consent brings.
async fn credential(args: &HubSpotArgs, base_url: &BaseUrl, version: &str) -> anyhow::Result<Credential> {
    if args.oauth.client_file().is_none() {
        return Ok(Credential::Static(read_token(args)?));
    }
    let readable = Object::ALL.iter().map(|object| object.scope().to_owned());
    let provider = Provider {
        name: "HubSpot",
        auth_url: hubspot::AUTH_URL,
        client_in: ClientIn::Form,
        pkce: true,
        scopes: ["oauth", SCOPE_OWNERS].map(str::to_owned).into_iter().chain(readable).collect(),
    };
    let token_url = base_url.below(&["oauth", version, "token"]);
    let token_url = token_url.context("the API version is nothing a path can hold")?;
    let obtained = args.oauth.consent(provider, args.options.allow_http, |_| token_url).await?;
    Ok(obtained.credential(None))
}

fn read_token(args: &HubSpotArgs) -> anyhow::Result<SecretString> {
    let text = read_secret(args.token_file.as_deref(), &["token"])?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) || !token.is_ascii() {
        bail!("the token must be one word of plain characters; give it by --token-file or standard input");
    }
    Ok(SecretString::from(token))
}

/// Asks for the portal, and for one page of everything: a scope that is missing shows only when it is needed.
async fn probe(
    permits: &Permits<'_>,
    client: &HubSpot,
    base_url: &BaseUrl,
    token: &SecretString,
) -> anyhow::Result<Probed> {
    let token = &Bearer(token.clone());
    let portal = match permits.ask_whose(|| client.account(token)).await? {
        Ok(portal) => portal,
        Err(error) => bail!("{}; nothing was saved", explain(&error, base_url)),
    };
    permits.belong_to(&VendorAccount::of(&portal.id)).await?;
    let (mut readable, mut missing) = (Vec::new(), Vec::new());
    for object in Object::ALL {
        let page = client.list(token, *object, false, None);
        match permits.send(page).await? {
            Ok(_) => readable.push(*object),
            Err(error) if is_unscoped(&error) => missing.push(*object),
            Err(error) => bail!("{}; nothing was saved", explain(&error, base_url)),
        }
    }
    if missing.contains(&Object::Companies) {
        bail!(
            "the token lacks the scope {}, without which there are no accounts; nothing was saved",
            Object::Companies.scope()
        );
    }
    let reads_owners = match permits.send(client.owners(token, false, None)).await? {
        Ok(_) => true,
        Err(error) if is_unscoped(&error) => false,
        Err(error) => bail!("{}; nothing was saved", explain(&error, base_url)),
    };
    Ok(Probed { portal, readable, missing, reads_owners })
}

fn is_unscoped(error: &VendorError) -> bool {
    matches!(error.failure, Failure::MissingScope | Failure::Forbidden)
}

fn explain(error: &VendorError, base_url: &BaseUrl) -> String {
    let host = base_url.host();
    match error.failure {
        Failure::Credential => format!(
            "{host} refuses the token ({error}): make a service key under Development > Keys > Service keys, or take the \
             private app's token"
        ),
        Failure::Forbidden | Failure::MissingScope => {
            format!("{host} knows the token but does not let it ask ({error})")
        }
        Failure::NotFound => format!(
            "there is no HubSpot API at {} ({error}): check --base-url and SWITCHBOARD_HUBSPOT_API_VERSION",
            base_url.as_str()
        ),
        Failure::UnexpectedShape => {
            format!("{} does not answer like HubSpot ({error}): check --base-url", base_url.as_str())
        }
        Failure::Redirect => {
            format!("{host} redirects elsewhere ({error}): give the final address as --base-url")
        }
        Failure::RateLimited => format!("{host} limits the rate right now ({error}): try again in a while"),
        _ => format!("{host} cannot be asked ({error}): check --base-url, or try again later"),
    }
}

/// What is missing without an object.
const fn loss(object: Object) -> &'static str {
    match object {
        Object::Companies => "there are no accounts",
        Object::Contacts => "attendees are matched by domain only, and nobody is linked to a contact",
        Object::Deals => "calls that are linked to a deal do not lead to its company",
    }
}

const fn stream_of(object: Object) -> Stream {
    match object {
        Object::Companies => Stream::Accounts,
        Object::Contacts => Stream::Contacts,
        Object::Deals => Stream::Deals,
    }
}

/// Searches' own limit, beside the portal's.
async fn set_search_limit(store: &Store, options: &Options, account: &VendorAccount) -> anyhow::Result<()> {
    let tx = store.begin(Speaker::Tenant(&options.tenant)).await?;
    let limits = budget::limits(&tx, Vendor::HubSpot, account).await?;
    let (rate, in_flight) = limits.unwrap_or((DEFAULTS.requests_per_second, DEFAULTS.in_flight));
    let searches = hubspot::search_budget(account);
    budget::set_limits(&tx, Vendor::HubSpot, &searches, rate * SEARCH_SHARE, in_flight).await?;
    tx.commit().await?;
    Ok(())
}
