//! `connect salesforce`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use model::{Stream, Vendor, VendorAccount};
use secrecy::SecretString;
use secrets::Credential;
use serde_json::json;
use store::connection::Connection;
use vendors::oauth::ClientIn;
use vendors::salesforce::{Object, Salesforce, parse_base_url};
use vendors::{ApiVersions, BaseUrl, Bearer, Failure, HttpOptions, VendorError, VendorHttp};

use super::grant::{self, Way};
use super::oauth::{OAuthArgs, Provider};
use super::permits::Permits;
use super::{Checked, Defaults, Options, read_secret};
use crate::context::Context;
use crate::output;

/// Salesforce counts by the day, for everybody who works with the organization: a tenth of what the smallest may ask is taken. What was
/// written shows a while later; what shows in no query is found by a daily walk.
const DEFAULTS: Defaults = Defaults {
    vendor: Vendor::Salesforce,
    base_url: "",
    backfill_days: 0,
    requests_per_second: 5.0,
    in_flight: 4,
    lookback_s: 900,
    walk_interval_s: 86_400,
    requests_per_day: Some(10_000),
};

/// Takes the fields back that were named before.
const NO_FIELD: &str = "none";

#[derive(Debug, Args)]
pub(super) struct SalesforceArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    oauth: OAuthArgs,
    /// How the app of --oauth-client-file gets its tokens: by client_id and client_secret; or, by assertion, with client_id, username and
    /// private_key_file (and audience); or by a person's consent.
    #[arg(long, requires = "oauth_client_file", default_value = "client-credentials")]
    grant: Way,
    /// The file with an access token, which ends with its session; without it the token is read from standard input.
    #[arg(long, conflicts_with = "oauth_client_file")]
    token_file: Option<PathBuf>,
    /// A field of your own that holds an account's domains beside its website, as `Domains__c`; may be given several times. `none` takes
    /// them back.
    #[arg(long = "domain-field", value_name = "FIELD", value_parser = own_field)]
    domain_fields: Vec<String>,
}

/// What a token may read.
struct Probed {
    readable: Vec<Object>,
    missing: Vec<(Object, String)>,
    /// How many people the organization has.
    users: u64,
}

impl SalesforceArgs {
    fn domain_fields(&self, before: Option<&Connection>) -> Vec<String> {
        match (self.domain_fields.as_slice(), before) {
            ([], Some(before)) => before.settings.domain_fields.clone(),
            (given, _) => given.iter().filter(|field| *field != NO_FIELD).cloned().collect(),
        }
    }
}

pub(super) async fn run(context: &Context, args: SalesforceArgs) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    // whoever cannot keep it need not ask
    context.vault()?.check().await?;
    let options = &args.options;
    let known = options.known(&store, Vendor::Salesforce).await?;
    let place = options.base_url(&known, &DEFAULTS);
    if place.is_empty() {
        bail!(
            "say which organization it is: --base-url https://NAME.my.salesforce.com, as shown under Setup > My Domain"
        );
    }
    let base_url = parse_base_url(&place, options.allow_http)?;
    let (credential, base_url) = credential(&args, base_url).await?;
    let version = ApiVersions::from_env(&context.env)?.salesforce;
    let client = Salesforce::new(VendorHttp::new(&HttpOptions::default())?, base_url.clone(), &version);
    let permits = options.permits(&store, Vendor::Salesforce, &known, &base_url);
    let token = &Bearer(credential.token().clone());
    let organization = match permits.ask_whose(|| client.organization(token)).await? {
        Ok(organization) => organization,
        Err(error) => bail!("{}; nothing was saved", explain(&error, &base_url)),
    };
    let account = VendorAccount::of(&organization.id);
    permits.belong_to(&account).await?;
    let domain_fields = args.domain_fields(known.iter().find(|one| one.vendor_account == account));
    let probed = probe(&permits, &client, &base_url, token, &domain_fields).await?;
    let objects = probed.readable.iter().filter_map(|object| stream_of(*object));
    let streams: Vec<Stream> = objects.chain([Stream::Users]).collect();
    let checked = Checked {
        account: &account,
        names: &[],
        base_url: &base_url,
        secret: &credential.to_secret(),
        header_form: "bearer",
        streams: &streams,
        domain_fields: &domain_fields,
        unpermitted: permits.unpermitted(),
    };
    let saved = options.save(context, &store, &known, &DEFAULTS, &checked).await?;
    if !context.json {
        for (object, why) in &probed.missing {
            output::say!("note: {why}: {}", loss(*object));
        }
    }
    let details = json!({
        "vendor": Vendor::Salesforce, "users": probed.users,
        "missing_scopes": probed.missing.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>(),
    });
    let name = organization.name.unwrap_or_default();
    let what = format!("Salesforce organization {account} {name}, with {} users", probed.users);
    options.report(context, &saved, &checked, &what, details)
}

/// What the organization is asked with, and where: a token as it is, or one that a grant brings, which also says where it is good.
async fn credential(args: &SalesforceArgs, base_url: BaseUrl) -> anyhow::Result<(Credential, BaseUrl)> {
    let Some(file) = args.oauth.client_file() else {
        return Ok((Credential::Static(read_token(args)?), base_url));
    };
    let below =
        |name: &str| base_url.below(&["services", "oauth2", name]).context("no path is below this address");
    let instance = |said: Option<&String>| match said {
        Some(said) => parse_base_url(said, args.options.allow_http).with_context(|| {
            format!("{} gave a token for another place; nothing was saved", base_url.host())
        }),
        None => Ok(base_url.clone()),
    };
    let obtained = if args.grant == Way::AuthorizationCode {
        let auth_url = below("authorize")?;
        let provider = Provider {
            name: "Salesforce",
            auth_url: auth_url.as_str(),
            client_in: ClientIn::Form,
            pkce: true,
            scopes: ["api", "refresh_token"].map(str::to_owned).to_vec(),
        };
        let token_url = below("token")?;
        args.oauth.consent(provider, args.options.allow_http, |_| token_url).await?
    } else {
        grant::obtain(args.grant, file, below("token")?, audience(&base_url)).await?
    };
    let place = instance(obtained.tokens.base_url.as_ref())?;
    Ok((obtained.credential(Some(&place)), place))
}

/// Who believes an assertion, unless the app's file says otherwise: the host that sandboxes log in at, or everybody else.
fn audience(base_url: &BaseUrl) -> &'static str {
    if base_url.host().contains(".sandbox.") {
        "https://test.salesforce.com"
    } else {
        "https://login.salesforce.com"
    }
}

/// A field of an organization's own, by the name that queries know it by.
fn own_field(text: &str) -> Result<String, String> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if text == NO_FIELD || plain && text.ends_with("__c") && text.len() > 3 {
        Ok(text.to_owned())
    } else {
        Err("expected the API name of a field of your own, which ends with __c".to_owned())
    }
}

fn read_token(args: &SalesforceArgs) -> anyhow::Result<SecretString> {
    let text = read_secret(args.token_file.as_deref(), &["token"])?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) || !token.is_ascii() {
        bail!("the token must be one word of plain characters; give it by --token-file or standard input");
    }
    Ok(SecretString::from(token))
}

/// Asks for what may be read of each object, and for the people: what is missing shows only when it is needed.
async fn probe(
    permits: &Permits<'_>,
    client: &Salesforce,
    base_url: &BaseUrl,
    token: &Bearer,
    domain_fields: &[String],
) -> anyhow::Result<Probed> {
    let (mut readable, mut missing) = (Vec::new(), Vec::new());
    for object in Object::ALL {
        match permits.send(client.describe(token, *object, domain_fields)).await? {
            Ok(_) => readable.push(*object),
            Err(error) if error.failure == Failure::MissingScope => missing.push((*object, error.message)),
            Err(error) => bail!("{}; nothing was saved", explain(&error, base_url)),
        }
    }
    if let Some((_, why)) = missing.iter().find(|(object, _)| *object == Object::Account) {
        bail!("{why}: without it accounts cannot be taken in; nothing was saved");
    }
    if readable.contains(&Object::Contact) {
        match permits.send(client.relations(token)).await? {
            Ok(_) => {}
            Err(error) if error.failure == Failure::MissingScope => {
                missing.push((Object::Relation, error.message));
            }
            Err(error) => bail!("{}; nothing was saved", explain(&error, base_url)),
        }
    }
    match permits.send(client.users(token, None)).await? {
        Ok(page) => Ok(Probed { readable, missing, users: page.total }),
        Err(error) => bail!("{}; nothing was saved", explain(&error, base_url)),
    }
}

fn explain(error: &VendorError, base_url: &BaseUrl) -> String {
    let host = base_url.host();
    match error.failure {
        Failure::Credential => {
            format!("{host} refuses the token ({error}): it has expired, or is another organization's")
        }
        Failure::MissingScope | Failure::Forbidden => {
            format!("{host} knows the token but does not let it ask ({error})")
        }
        Failure::NotFound => format!(
            "there is no Salesforce API at {} ({error}): check --base-url and SWITCHBOARD_SALESFORCE_API_VERSION",
            base_url.as_str()
        ),
        Failure::UnexpectedShape => {
            format!("{} does not answer like Salesforce ({error}): check --base-url", base_url.as_str())
        }
        Failure::Redirect => {
            format!("{host} redirects elsewhere ({error}): give the final address as --base-url")
        }
        Failure::RateLimited => {
            format!("{host} limits the requests right now ({error}): try again in a while")
        }
        _ => format!("{host} cannot be asked ({error}): check --base-url, or try again later"),
    }
}

/// What is missing without an object.
const fn loss(object: Object) -> &'static str {
    match object {
        Object::Account => "there are no accounts",
        Object::Contact => "attendees are matched by domain only, and nobody is linked to a contact",
        Object::Opportunity => "calls that are linked to an opportunity do not lead to its account",
        Object::Lead => "who is known as a lead only is matched by domain",
        Object::Relation => {
            "contacts are known with their own account only, not with the others they are related to"
        }
    }
}

/// What brings an object in; relations come with their contacts.
const fn stream_of(object: Object) -> Option<Stream> {
    match object {
        Object::Account => Some(Stream::Accounts),
        Object::Contact => Some(Stream::Contacts),
        Object::Opportunity => Some(Stream::Deals),
        Object::Lead => Some(Stream::Leads),
        Object::Relation => None,
    }
}
