//! Whom a TLS connection trusts.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of extra root certificates cannot be read or is not PEM.
    #[error("cannot read root certificates from {}: {source}", path.display())]
    Unreadable {
        /// The file as it was given.
        path: PathBuf,
        /// What went wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The file holds no `CERTIFICATE` section.
    #[error("{} holds no certificate: it must be PEM, with BEGIN CERTIFICATE lines", path.display())]
    Empty {
        /// The file as it was given.
        path: PathBuf,
    },
    /// A certificate of the file cannot serve as a root.
    #[error("{} holds a certificate that cannot serve as a root: {source}", path.display())]
    Unusable {
        /// The file as it was given.
        path: PathBuf,
        /// What went wrong.
        source: rustls::Error,
    },
    /// The cryptography provider offers no usable protocol version.
    #[error("TLS cannot be set up: {0}")]
    Provider(rustls::Error),
}

/// Trusts Mozilla's root certificates, and beside them those in `extra`, PEM files.
pub(crate) fn client_config(extra: &[PathBuf]) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for path in extra {
        add_file(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &PathBuf) -> Result<(), TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        path: path.clone(),
        source,
    };
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        roots
            .add(certificate.map_err(unreadable)?)
            .map_err(|source| TlsError::Unusable {
                path: path.clone(),
                source,
            })?;
    }
    if roots.len() == before {
        Err(TlsError::Empty { path: path.clone() })
    } else {
        Ok(())
    }
}
