//! `connect gong`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::SignedDuration;
use model::{Stream, TenantId, Vendor, VendorAccount, Window};
use runtime::Clock;
use secrecy::SecretString;
use serde_json::json;
use store::connection::Connection;
use store::{Speaker, Store, stream, vendor_account};
use vendors::gong::{self, Calls, CallsRequest, Gong, GongAuth, parse_base_url};
use vendors::oauth::ClientIn;
use vendors::{BaseUrl, Failure, HttpOptions, VendorError, VendorHttp};

use super::oauth::{OAuthArgs, Provider};
use super::permits::Permits;
use super::{Checked, Defaults, Options, account_at, read_secret};
use crate::context::Context;

/// Gong's own limits are three requests a second and 10,000 a day, for all keys of a company together. The first sync covers two days; more history is
/// fetched on request.
const DEFAULTS: Defaults = Defaults {
    vendor: Vendor::Gong,
    base_url: gong::BASE_URL,
    backfill_days: 2,
    requests_per_second: 3.0,
    in_flight: 2,
    lookback_s: 2 * 86_400,
    walk_interval_s: 7 * 86_400,
    requests_per_day: Some(10_000),
};

/// How far back the probe looks for any call at all.
const PROBE_DAYS: i64 = 90;

/// Between the requests of the check, so that they alone never exceed the limit.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(400);

/// What a sync asks for.
const SCOPES: [&str; 4] =
    [gong::SCOPE_CALLS, gong::SCOPE_TRANSCRIPTS, gong::SCOPE_USERS, gong::SCOPE_WORKSPACES];

/// Where a person grants what is missing.
const SETTINGS: &str = "Gong shows keys and scopes under Company Settings > API";

#[derive(Debug, Args)]
pub(super) struct GongArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    oauth: OAuthArgs,
    /// The file with the access key in its first line and the secret in its second; without it both are read from standard input.
    #[arg(long, conflicts_with = "oauth_client_file")]
    access_key_file: Option<PathBuf>,
    /// The connection by its workspace's id, where Gong does not list that workspace any more (default: the one that is connected; else the
    /// oldest that is listed).
    #[arg(long)]
    workspace: Option<String>,
}

/// What the check found out.
struct Company {
    /// There was a call in the probe's window.
    sees_calls: bool,
    /// What the key may list.
    streams: Vec<Stream>,
    /// What will not work, in sentences.
    warnings: Vec<String>,
}

pub(super) async fn run(context: &Context, args: GongArgs) -> anyhow::Result<ExitCode> {
    let options = &args.options;
    let store = context.migrated_store().await?;
    // whoever cannot keep it need not ask
    context.vault()?.check().await?;
    let known = options.known(&store, Vendor::Gong).await?;
    let Access { base_url, auth, secret, header_form } = access(&args, &known).await?;
    let permits = options.permits(&store, Vendor::Gong, &known, &base_url);
    let client = Gong::new(VendorHttp::new(&HttpOptions::default())?, base_url.clone());
    let workspaces = workspaces(&permits, &client, &base_url, &auth).await?;
    let listed = workspaces.as_deref().unwrap_or_default();
    let names = names(listed, &base_url);
    let elsewhere = known_elsewhere(&store, &names).await?;
    let place = Place { base_url: &base_url, known: &known, elsewhere: elsewhere.as_ref() };
    let account = account(listed, args.workspace.as_deref(), &place, &options.tenant)?;
    permits.belong_to(&account).await?;
    let mut company = check(&permits, &client, &base_url, &auth).await?;
    if workspaces.is_none() && own_host(&base_url).is_none() {
        let scope = gong::SCOPE_WORKSPACES;
        company.warnings.push(format!("{scope} is missing: a second key of the same company would not be known as such, and its limits would be counted twice"));
    }
    let checked = Checked {
        account: &account,
        names: &names,
        base_url: &base_url,
        secret: &secret,
        header_form,
        streams: &company.streams,
        domain_fields: &[],
        unpermitted: permits.unpermitted(),
    };
    let saved = options.save(context, &store, &known, &DEFAULTS, &checked).await?;
    let tx = store.begin(Speaker::Tenant(&options.tenant)).await?;
    stream::note_probe(&tx, saved.id, company.sees_calls).await?;
    tx.commit().await?;
    for warning in &company.warnings {
        eprintln!("warning: {warning}");
    }
    let what = format!("Gong company {account}");
    let details = json!({
        "vendor": Vendor::Gong, "sees_calls": company.sees_calls, "warnings": company.warnings,
    });
    options.report(context, &saved, &checked, &what, details)
}

/// What the company is asked with, and where.
struct Access {
    base_url: BaseUrl,
    auth: GongAuth,
    /// What is kept of it.
    secret: SecretString,
    header_form: &'static str,
}

async fn access(args: &GongArgs, known: &[Connection]) -> anyhow::Result<Access> {
    let options = &args.options;
    if args.oauth.client_file().is_none() {
        let base_url = parse_base_url(&options.base_url(known, &DEFAULTS), options.allow_http)?;
        let auth = read_access_key(args)?;
        let secret = auth.as_secret().clone();
        return Ok(Access { base_url, auth, secret, header_form: "basic" });
    }
    let provider = Provider {
        name: "Gong",
        auth_url: gong::AUTH_URL,
        client_in: ClientIn::Header,
        // Gong documents none
        pkce: false,
        scopes: SCOPES.map(str::to_owned).to_vec(),
    };
    let token_url = |auth_url: &BaseUrl| auth_url.sibling(gong::TOKEN_SEGMENT);
    let obtained = args.oauth.consent(provider, options.allow_http, token_url).await?;
    // which of Gong's hosts is the company's, only the token's answer says
    let said = obtained.tokens.base_url.clone();
    let base_url = said.unwrap_or_else(|| options.base_url(known, &DEFAULTS));
    let base_url = parse_base_url(&base_url, options.allow_http);
    let base_url = base_url.context("Gong names a company's host that gets no token; nothing was saved")?;
    let auth = GongAuth::of_access_token(obtained.tokens.access_token.clone());
    let secret = obtained.credential(Some(&base_url)).to_secret();
    Ok(Access { base_url, auth, secret, header_form: "bearer" })
}

fn read_access_key(args: &GongArgs) -> anyhow::Result<GongAuth> {
    let text = read_secret(args.access_key_file.as_deref(), &["access key", "access key secret"])?;
    access_key(&text)
}

fn access_key(text: &str) -> anyhow::Result<GongAuth> {
    const HOW: &str = "the access key, and its secret; give them by --access-key-file or standard input";
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [key, secret] => GongAuth::of_access_key(key, secret)
            .with_context(|| format!("expected two lines of one word each, in plain characters: {HOW}")),
        other => bail!("expected two lines, and there are {}: {HOW}", other.len()),
    }
}

/// Asks for the workspaces, the oldest first: the only thing that tells one company from another. `None` where the scope for it is missing.
async fn workspaces(
    permits: &Permits<'_>,
    client: &Gong,
    base_url: &BaseUrl,
    auth: &GongAuth,
) -> anyhow::Result<Option<Vec<VendorAccount>>> {
    match permits.ask_whose(|| client.workspaces(auth)).await? {
        Ok(workspaces) => Ok(Some(workspaces.iter().map(|one| VendorAccount::of(&one.id)).collect())),
        Err(error) if error.failure == Failure::MissingScope => Ok(None),
        Err(error) => bail!("{}; nothing was saved", explain(&error, base_url)),
    }
}

/// Asks for everything else that a sync will ask for, before anything is saved.
async fn check(
    permits: &Permits<'_>,
    client: &Gong,
    base_url: &BaseUrl,
    auth: &GongAuth,
) -> anyhow::Result<Company> {
    let mut warnings = Vec::new();
    let refused = |error: &VendorError| anyhow::anyhow!("{}; nothing was saved", explain(error, base_url));
    tokio::time::sleep(BETWEEN_REQUESTS).await;
    let now = Clock::system().now();
    let window = Window { from: now - SignedDuration::from_hours(24 * PROBE_DAYS), to: now };
    let request = CallsRequest { calls: Calls::Started(window), cursor: None };
    let calls = permits.send(client.calls(auth, &request)).await?;
    let calls = calls.map_err(|error| refused(&error))?;
    let sees_calls = !calls.calls.is_empty();
    if !sees_calls {
        warnings.push(format!("the key sees no call of the last {PROBE_DAYS} days: if there are any, whoever made the key may not see them; `switchboard status` will show the silence"));
    }
    tokio::time::sleep(BETWEEN_REQUESTS).await;
    // any id will do: one that is unknown is left out of the answer, but the scope is asked for all the same
    let transcripts = client.transcripts(auth, &["1"], None);
    permits.send(transcripts).await?.map_err(|error| refused(&error))?;
    tokio::time::sleep(BETWEEN_REQUESTS).await;
    let mut streams = vec![Stream::Conversations];
    match permits.send(client.users(auth, None)).await? {
        Ok(_) => streams.push(Stream::Users),
        Err(error) if error.failure == Failure::MissingScope || error.failure == Failure::Forbidden => {
            let scope = gong::SCOPE_USERS;
            warnings.push(format!(
                "{scope} is missing: your own people are known by the tenant's domains, and by what else is connected"
            ));
        }
        Err(error) => return Err(refused(&error)),
    }
    Ok(Company { sees_calls, streams, warnings })
}

fn explain(error: &VendorError, base_url: &BaseUrl) -> String {
    let host = base_url.host();
    match error.failure {
        Failure::MissingScope => {
            let lost = if error.message.contains(gong::SCOPE_TRANSCRIPTS) {
                "no transcript can be fetched"
            } else {
                "no call can be listed"
            };
            format!(
                "{host} knows the key or app, but without this {lost} ({error}): grant the scope; {SETTINGS}"
            )
        }
        Failure::Credential => format!(
            "{host} refuses the access key or token ({error}): it or the host is wrong, or it was revoked; {SETTINGS}, with the base URL"
        ),
        Failure::Forbidden => {
            format!(
                "{host} does not let this machine in ({error}): add its address to the trusted IPs; {SETTINGS}"
            )
        }
        Failure::NotFound => {
            format!("there is no Gong API at {} ({error}): check --base-url; {SETTINGS}", base_url.as_str())
        }
        Failure::UnexpectedShape => {
            format!("{} does not answer like Gong ({error}): check --base-url", base_url.as_str())
        }
        Failure::Redirect => {
            format!(
                "{host} is the wrong host of this company ({error}): give its own as --base-url; {SETTINGS}"
            )
        }
        Failure::RateLimited => format!("{host} limits the rate right now ({error}): try again in a while"),
        _ => format!("{host} cannot be asked ({error}): check --base-url, or try again later"),
    }
}

/// What is known of the place at which a key works.
struct Place<'a> {
    base_url: &'a BaseUrl,
    /// What the tenant has connected at Gong.
    known: &'a [Connection],
    /// The account that somebody has connected by one of the company's names.
    elsewhere: Option<&'a VendorAccount>,
}

/// A company's own host, at which nobody else is; none at the one that many share.
fn own_host(base_url: &BaseUrl) -> Option<&str> {
    base_url.host().strip_suffix(".api.gong.io")
}

/// Everything by which the company may be known again: its workspaces, the oldest first, and its own host.
fn names(workspaces: &[VendorAccount], base_url: &BaseUrl) -> Vec<VendorAccount> {
    workspaces.iter().cloned().chain(own_host(base_url).map(VendorAccount::of)).collect()
}

/// The account as which any tenant has connected the company.
async fn known_elsewhere(store: &Store, names: &[VendorAccount]) -> anyhow::Result<Option<VendorAccount>> {
    let tx = store.begin(Speaker::Tenants(&[])).await?;
    let account = vendor_account::known_as(&tx, Vendor::Gong, names).await?;
    tx.commit().await?;
    Ok(account)
}

/// The company. Whatever is connected stays what it is: the workspace by which it is known may have been deleted since.
fn account(
    listed: &[VendorAccount],
    named: Option<&str>,
    place: &Place<'_>,
    tenant: &TenantId,
) -> anyhow::Result<VendorAccount> {
    let is_connected = |account: &VendorAccount| place.known.iter().any(|one| one.vendor_account == *account);
    if let Some(named) = named.map(VendorAccount::of) {
        if !is_connected(&named) && !listed.contains(&named) && place.elsewhere != Some(&named) {
            bail!(
                "--workspace {named}: Gong lists no such workspace, and none is connected; nothing was saved"
            );
        }
        return Ok(named);
    }
    if let Some(connected) = listed.iter().find(|one| is_connected(one)) {
        return Ok(connected.clone());
    }
    let own_host = own_host(place.base_url);
    // nobody else is at a company's own host; at one that many share only who tells no workspaces is taken for the one that is connected
    if (own_host.is_some() || listed.is_empty())
        && let Some(connected) = account_at(place.base_url, place.known, tenant)?
    {
        return Ok(connected);
    }
    // what another tenant has connected has limits already, and they hold for both
    let known = place.elsewhere.or(listed.first()).cloned();
    Ok(known
        .or_else(|| own_host.map(VendorAccount::of))
        .unwrap_or_else(|| VendorAccount::of(&format!("{tenant}@{}", place.base_url.host()))))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::testing::connection;

    fn connected(account: &str, base_url: &str) -> Connection {
        let mut connected = connection(Vendor::Gong, account);
        base_url.clone_into(&mut connected.settings.base_url);
        connected
    }

    #[test]
    fn an_access_key_is_two_lines_however_an_editor_ends_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("gong.key");
        for good in ["k\ns3cret", "\u{feff}k\r\ns3cret\r\n", "\n k \n\n s3cret\t\n\n"] {
            std::fs::write(&file, good).expect("a file");
            let text = read_secret(Some(&file), &[]).expect("a text");
            let auth = access_key(&text).expect("an access key");
            assert_eq!(auth.as_secret().expose_secret(), "k:s3cret", "{good:?}");
        }
        let table = [
            ("", "there are 0"),
            ("k", "there are 1"),
            ("k\ns3cret\nmore", "there are 3"),
            ("k\ns3 cret", "one word each"),
            ("k\ns3crét", "one word each"),
        ];
        for (bad, why) in table {
            let error = access_key(bad).expect_err("no access key").to_string();
            assert!(error.contains(why) && error.contains("--access-key-file"), "{error}");
            assert!(!error.contains("s3cr"), "{error}");
        }
    }

    #[test]
    fn a_company_stays_the_same_when_the_workspace_by_which_it_is_known_was_deleted() {
        let (own, shared) = ("https://us-55616.api.gong.io", "https://api.gong.io");
        let found = |base_url: &str, known: &[Connection], listed: &[&str], named: Option<&str>| {
            let listed: Vec<VendorAccount> = listed.iter().map(|id| VendorAccount::of(id)).collect();
            let base_url = &parse_base_url(base_url, false).expect("a base URL");
            let tenant = TenantId::parse("acme").expect("an id");
            let place = Place { base_url, known, elsewhere: None };
            account(&listed, named, &place, &tenant).map(|account| account.to_string())
        };
        let at = |base_url: &str| {
            let base_url = parse_base_url(base_url, false).expect("a base URL");
            [connected("623", base_url.as_str())]
        };
        for (base_url, known, listed, named, expected) in [
            (own, &[][..], &["623", "1000"][..], None, "623"),
            (own, &at(own)[..], &["1000"], None, "623"),
            (own, &at(own)[..], &[], None, "623"),
            (own, &[], &[], None, "us-55616"),
            // where many companies are, it may be another
            (shared, &at(shared)[..], &["1000"], None, "1000"),
            (shared, &at(shared)[..], &["1000"], Some("623"), "623"),
            (shared, &at(shared)[..], &["1000", "623"], None, "623"),
            (shared, &at(shared)[..], &[], None, "623"),
            (shared, &[], &[], None, "acme@api.gong.io"),
        ] {
            let found = found(base_url, known, listed, named).expect("an account");
            assert_eq!(found, expected, "{base_url} {listed:?} {named:?}");
        }
        let error = found(shared, &at(shared), &["1000"], Some("7")).expect_err("refused").to_string();
        assert!(error.contains("--workspace 7") && error.contains("nothing was saved"), "{error}");
    }

    #[test]
    fn a_company_that_another_tenant_has_connected_goes_by_the_same_name() {
        let (base_url, tenant) =
            (&parse_base_url("https://api.gong.io", false).expect("a base URL"), TenantId::parse("acme"));
        let (tenant, first) = (tenant.expect("an id"), VendorAccount::of("623"));
        let listed = [VendorAccount::of("1000")];
        let found = |listed: &[VendorAccount], known: &[Connection]| {
            let place = Place { base_url, known, elsewhere: Some(&first) };
            account(listed, None, &place, &tenant).expect("an account")
        };
        assert_eq!(found(&listed, &[]), first);
        let mine = [connected("1000", base_url.as_str())];
        assert_eq!(found(&listed, &mine), listed[0], "what the tenant has connected stays what it is");
        assert_eq!(names(&listed, base_url), listed, "many are at a host that is shared");
        let own = parse_base_url("https://us-55616.api.gong.io", false).expect("a base URL");
        assert_eq!(names(&listed, &own), [listed[0].clone(), VendorAccount::of("us-55616")]);
    }
}
