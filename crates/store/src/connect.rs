//! From `DATABASE_URL` to a way of connecting, with TLS where it is asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::StoreError;
use crate::any_name::AnyName;

/// How to reach the database.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
}

/// What the URL asks of TLS, in the words of libpq.
#[derive(Default)]
struct Asked {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
}

/// The program that a person's commands are.
const COMMAND: &str = "command";

/// What a process that hangs, or is gone without a word, has locked is free again within minutes: nobody here thinks in a transaction
/// for longer than a publish may take.
const LET_GO: &str = "-c idle_in_transaction_session_timeout=2min -c tcp_keepalives_idle=30 \
    -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=1min";

/// Reads the URL.
pub(crate) fn target(url: &SecretString, program: &str) -> Result<Target, StoreError> {
    // the parsers' own messages can quote the URL, and with it the password
    let unreadable = || StoreError::Url("expected postgres://USER:PASSWORD@HOST/DATABASE".into());
    let mut url = Url::parse(url.expose_secret()).map_err(|error| StoreError::Url(error.to_string()))?;
    let asked = take_tls_settings(&mut url)?;
    let mut config: Config = url.as_str().parse().map_err(|_| unreadable())?;
    config.connect_timeout(Duration::from_secs(5));
    // a server that is gone without a word is noticed within a minute, whether it was asked something or not
    config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(10));
    config.keepalives_retries(3).tcp_user_timeout(Duration::from_mins(1));
    if config.get_application_name().is_none() {
        config.application_name(format!("switchboard {program}"));
    }
    plan_once(&mut config, program);
    let tls = asked.connector()?;
    config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
    Ok(Target { config, tls })
}

/// A role gives the same statements all day, so each is planned once for its connection, whatever its parameters are; one made
/// while a table was empty must not scan it whole when it is full: everything here has its index. Compiling a plan would cost
/// more than any of them takes. A command's questions are planned for their parameters.
fn plan_once(config: &mut Config, program: &str) {
    let mut options = format!("-c enable_seqscan=off -c jit=off {LET_GO}");
    if program != COMMAND {
        options.push_str(" -c plan_cache_mode=force_generic_plan");
    }
    if let Some(given) = config.get_options() {
        options.extend([" ", given]);
    }
    config.options(options);
}

/// Takes what is ours to understand out of the URL, and leaves the other parameters to the library.
fn take_tls_settings(url: &mut Url) -> Result<Asked, StoreError> {
    // a plus is itself here, not the space that it is in forms
    let query = url.query().unwrap_or_default().replace('+', "%2B");
    let mut asked = Asked::default();
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "sslmode" => asked.sslmode = Some(value.into_owned()),
            "sslrootcert" => asked.sslrootcert = Some(value.into_owned()),
            other if other.starts_with("ssl") => {
                return Err(StoreError::Url(format!("{other} is not supported; take it out of the URL")));
            }
            _ => drop(kept.append_pair(&name, &value)),
        }
    }
    let kept = kept.finish().replace('+', "%20");
    url.set_query((!kept.is_empty()).then_some(&kept));
    Ok(asked)
}

impl Asked {
    /// Means what libpq means by the same words, or refuses: never less than was asked for, and never nothing said.
    fn connector(&self) -> Result<Option<MakeRustlsConnect>, StoreError> {
        let refused = |reason: String| Err(StoreError::Url(reason));
        let mode = self.sslmode.as_deref().unwrap_or("disable");
        let file = self.sslrootcert.as_deref().filter(|file| *file != "system");
        let config = match (mode, file) {
            ("disable", None) if self.sslrootcert.is_none() => return Ok(None),
            ("disable", _) => {
                return refused("sslrootcert alone does not ask for TLS; add sslmode=verify-full".to_owned());
            }
            ("verify-full", None) => runtime::tls::verified(of_system()?),
            ("verify-full", Some(file)) => runtime::tls::verified(of_file(file)?),
            ("verify-ca" | "require", Some(file)) => verified_but_for_the_name(of_file(file)?),
            ("verify-ca" | "require", None) => {
                return refused(format!(
                    "sslmode={mode} without sslrootcert=FILE would trust any server; use verify-full"
                ));
            }
            ("allow" | "prefer", _) => {
                return refused(format!(
                    "sslmode={mode} would go on without TLS and not say so; use verify-full or disable"
                ));
            }
            (other, _) => {
                return refused(format!("sslmode {other:?} is not known; use verify-full or disable"));
            }
        };
        Ok(Some(MakeRustlsConnect::new(config)))
    }
}

fn of_file(file: &str) -> Result<RootCertStore, StoreError> {
    let roots = runtime::tls::authorities_of_file(Path::new(file));
    roots.map_err(|error| StoreError::Url(format!("sslrootcert {error}")))
}

fn of_system() -> Result<RootCertStore, StoreError> {
    let roots = runtime::tls::authorities_of_system();
    roots.map_err(|error| StoreError::Url(format!("{error} with sslrootcert=FILE")))
}

fn verified_but_for_the_name(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots.clone()), provider)
        .build()
        .expect("there are authorities, and no revocation lists to go wrong");
    let mut config = runtime::tls::verified(roots);
    config.dangerous().set_certificate_verifier(Arc::new(AnyName(verifier)));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_url_is_refused_without_showing_the_password() {
        for url in ["postgres://u:hunter2@h:bad/db", "hunter2", "postgres://u:hunter2@h/db?sslmode=maybe"] {
            let error = target(&SecretString::from(url), "test").err().expect("refused").to_string();
            assert!(error.contains("DATABASE_URL"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    fn refusal(parameters: &str) -> String {
        let url = format!("postgres://u:hunter2@h/db?{parameters}");
        let error = target(&SecretString::from(url), "test").err().expect("refused").to_string();
        assert!(!error.contains("hunter2"), "{error}");
        error
    }

    #[test]
    fn what_would_not_verify_is_refused_and_the_way_out_is_named() {
        for weak in [
            "sslmode=prefer",
            "sslmode=allow",
            "sslmode=require",
            "sslmode=verify-ca",
            "sslmode=require&sslrootcert=system",
            "sslrootcert=ca.pem",
            "sslmode=disable&sslrootcert=ca.pem",
            "sslmode=prefer&sslrootcert=ca.pem",
        ] {
            assert!(refusal(weak).contains("verify-full"), "{weak}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert!(refusal("sslmode=verify-full&sslcert=me.pem").contains("sslcert is not supported"));
        assert!(refusal("sslmode=verify-full&sslrootcert=/nowhere/a+b.pem").contains("/nowhere/a+b.pem"));
    }

    #[test]
    fn other_parameters_reach_the_server_as_they_were_written() {
        let url = "postgres://u@h/db?options=-c%20work_mem%3D8MB&application_name=a+b";
        let config = target(&SecretString::from(url), "test").expect("a good URL").config;
        assert!(
            config.get_options().expect("options").ends_with(" -c work_mem=8MB"),
            "and may overrule ours"
        );
        assert_eq!(config.get_application_name(), Some("a+b"));
    }
}
