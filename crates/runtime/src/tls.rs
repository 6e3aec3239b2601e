//! Whom TLS connections trust, and what a person can do about one that fails.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

/// Authorities that cannot be trusted because there are none.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The file cannot be read, or is not what it should be.
    #[error("{file} cannot be used as a file of certificates in PEM: {reason}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has none.
    #[error("the system trusts no certificate authority: install its ca-certificates, or name a file")]
    System,
}

/// Reads the authorities of a file.
pub fn authorities_of_file(file: &Path) -> Result<RootCertStore, AuthorityError> {
    let unusable = |reason: String| AuthorityError::File { file: file.display().to_string(), reason };
    let text = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let mut roots = RootCertStore::empty();
    for certificate in certificates.map_err(|error| unusable(error.to_string()))? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

/// Reads the authorities that the system trusts.
pub fn authorities_of_system() -> Result<RootCertStore, AuthorityError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(AuthorityError::System) } else { Ok(roots) }
}

/// Makes the settings of connections that verify certificate and name.
pub fn verified(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Says what a person can do when TLS is the reason of the failure. `authority` is the setting that names one.
pub fn advice(error: &(dyn Error + 'static), authority: &str) -> Option<String> {
    Some(match tls_error(error)? {
        rustls::Error::InvalidCertificate(reason) => certificate_advice(reason, authority),
        rustls::Error::InvalidMessage(_) => {
            "the server does not speak TLS at this port, name the one where it does".to_owned()
        }
        rustls::Error::AlertReceived(_) => "the server refuses the handshake, its log says why".to_owned(),
        _ => return None,
    })
}

fn certificate_advice(reason: &CertificateError, authority: &str) -> String {
    match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "the server's certificate is not of an authority that is trusted here: name that authority with {authority}"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "connect to a name the certificate was made for, or give the server a certificate for this name"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "renew the server's certificate".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "compare the clocks of this machine and of the one that made the certificate".to_owned()
        }
        _ => "give the server another certificate".to_owned(),
    }
}

/// Looks for the TLS library's own error, also inside I/O errors, whose `source` leaves out what they wrap.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error
        .downcast_ref()
        .or_else(|| wrapped.and_then(|inner| tls_error(inner)))
        .or_else(|| error.source().and_then(tls_error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_finds_its_reason_below_other_errors() {
        let reason = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::other(reason));
        let advice = advice(&wrapped, "CA_FILE").expect("advice");
        assert!(advice.ends_with("name that authority with CA_FILE"), "{advice}");
    }

    #[test]
    fn other_errors_are_given_no_advice() {
        assert_eq!(advice(&io::Error::other("refused"), "CA_FILE"), None);
    }

    #[test]
    fn a_file_without_certificates_is_refused_with_its_name() {
        for file in ["/nowhere/ca.pem", "/dev/null"] {
            let error = authorities_of_file(Path::new(file)).expect_err("refused").to_string();
            assert!(error.starts_with(file), "{error}");
        }
    }
}
