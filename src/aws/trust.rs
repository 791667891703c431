//! Which certificate authorities are trusted: those of `AWS_CA_BUNDLE`, if that is set, and no others, as in the AWS CLI.
//!
//! Without it the SDK's HTTP client trusts the system's, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

/// Names a file with the certificates of the authorities to trust (AWS CLI user guide, "Environment variables").
const VARIABLE: &str = "AWS_CA_BUNDLE";

/// Why the certificates that the user names cannot be used.
#[derive(Debug, Error)]
pub enum BadBundle {
    /// There is no such file, or it may not be read.
    #[error("cannot read {}, which AWS_CA_BUNDLE names: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Something in it is not a certificate, or nothing is.
    #[error("{}, which AWS_CA_BUNDLE names, holds no usable certificates: {why}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A client that trusts the authorities of `AWS_CA_BUNDLE`; `None` where that is not set.
pub(crate) fn http_client() -> Result<Option<SharedHttpClient>, BadBundle> {
    let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else { return Ok(None) };
    let path = PathBuf::from(path);
    let pem = fs::read(&path).map_err(|source| BadBundle::Unreadable { path: path.clone(), source })?;
    check(&path, &pem)?;
    let unusable = |error: &dyn std::error::Error| BadBundle::Unusable { path: path.clone(), why: error.to_string() };
    let context = TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(pem))
        .build()
        .map_err(|error| unusable(&error))?;
    let client = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    Ok(Some(client.tls_context(context).build_https()))
}

/// That every certificate can be used: the HTTP client panics for one that cannot.
fn check(path: &Path, pem: &[u8]) -> Result<(), BadBundle> {
    let unusable = |why: String| BadBundle::Unusable { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unusable("there is no PEM certificate in it".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_is_refused() {
        for (pem, why) in [
            ("", "no PEM certificate"),
            ("hello", "no PEM certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
            ("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", ""),
        ] {
            let error = check(Path::new("/ca.pem"), pem.as_bytes()).expect_err(pem).to_string();
            assert!(error.starts_with("/ca.pem, which AWS_CA_BUNDLE names") && error.contains(why), "{error}");
        }
    }
}
