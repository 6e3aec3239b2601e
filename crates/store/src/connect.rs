//! From `DATABASE_URL` to a way of connecting, with TLS where it is asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::StoreError;

/// How to reach the database.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
}

/// Reads the URL. `sslmode` absent, `disable`, `allow` and `prefer` are plain; `require`, `verify-ca` and
/// `verify-full` all verify certificate and name: there is no encryption here without knowing to whom.
pub(crate) fn target(url: &SecretString) -> Result<Target, StoreError> {
    // the parser's own message can quote the URL, and with it the password
    let mut url = Url::parse(url.expose_secret()).map_err(|error| StoreError::Url(error.to_string()))?;
    let mut mode = "disable".to_owned();
    let mut authority = None;
    let mut kept = Vec::new();
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslmode" => mode = value.into_owned(),
            "sslrootcert" => authority = Some(value.into_owned()),
            _ => kept.push((name.into_owned(), value.into_owned())),
        }
    }
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    let mut config: Config = url
        .as_str()
        .parse()
        .map_err(|_| StoreError::Url("expected postgres://USER:PASSWORD@HOST/DATABASE".into()))?;
    config.connect_timeout(Duration::from_secs(5));
    config.keepalives_idle(Duration::from_secs(30));
    let tls = match mode.as_str() {
        "disable" | "allow" | "prefer" => {
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            None
        }
        "require" | "verify-ca" | "verify-full" => {
            config.ssl_mode(tokio_postgres::config::SslMode::Require);
            Some(verified_tls(authority.as_deref())?)
        }
        other => {
            return Err(StoreError::Url(format!(
                "sslmode {other:?} is not known; use verify-full or disable"
            )));
        }
    };
    Ok(Target { config, tls })
}

fn verified_tls(authority: Option<&str>) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = rustls::RootCertStore::empty();
    match authority {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(Path::new(file))
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| StoreError::Url(format!("sslrootcert {file}: {error}")))?;
            roots.add_parsable_certificates(certificates);
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(StoreError::Url(
            "no certificate authority was found; name one with sslrootcert=FILE".into(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Url(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_url_is_refused_without_showing_the_password() {
        for url in ["postgres://u:hunter2@h:bad/db", "hunter2", "postgres://u:hunter2@h/db?sslmode=maybe"] {
            let error = target(&SecretString::from(url)).err().expect("refused").to_string();
            assert!(error.contains("DATABASE_URL"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn verify_full_asks_for_tls_and_other_parameters_are_kept() {
        let target = target(&SecretString::from("postgres://u@h/db?application_name=x&sslmode=disable"))
            .expect("a good URL");
        assert!(target.tls.is_none());
        assert_eq!(target.config.get_application_name(), Some("x"));
    }
}
