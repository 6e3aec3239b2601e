//! A private certificate authority, and what it gives to servers.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// The year in which a good certificate ends; any that no test will see.
const FAR_YEAR: i32 = 4000;
/// A year that is over.
const PAST_YEAR: i32 = 2020;

/// An authority whose certificate is in a file.
pub struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// Makes one, and writes its certificate to the file.
    pub fn make(file: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(file, certificate.pem()).expect("a file");
        Self(Issuer::new(params, key))
    }

    /// Writes `server.crt` and `server.key` for a server at 127.0.0.1, and at no name.
    pub fn certify(&self, folder: &Path) {
        self.certify_until(folder, FAR_YEAR);
    }

    /// Writes those of a certificate that has expired.
    pub fn certify_expired(&self, folder: &Path) {
        self.certify_until(folder, PAST_YEAR);
    }

    fn certify_until(&self, folder: &Path, year: i32) {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        std::fs::write(folder.join("server.crt"), certificate.pem()).expect("a file");
        std::fs::write(folder.join("server.key"), key.serialize_pem()).expect("a file");
    }
}
