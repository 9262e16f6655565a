//! The root certificates of TLS connections.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::error::TlsError;

/// Root certificates in PEM.
#[derive(Clone)]
pub(super) enum Roots {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Roots {
    fn origin(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bytes(_) => "the given bytes".to_owned(),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        match self {
            Self::File(path) => CertificateDer::pem_file_iter(path)?.collect(),
            Self::Bytes(bytes) => CertificateDer::pem_slice_iter(bytes).collect(),
        }
    }
}

/// Trusts Mozilla's root certificates and those in `extra`.
pub(super) fn client_config(extra: &[Roots]) -> Result<ClientConfig, TlsError> {
    let mut store = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for roots in extra {
        add(&mut store, roots)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Provider(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth())
}

fn add(store: &mut RootCertStore, roots: &Roots) -> Result<(), TlsError> {
    let origin = || roots.origin();
    let certificates = roots.certificates().map_err(|error| TlsError::Unreadable {
        origin: origin(),
        reason: error.to_string(),
    })?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { origin: origin() });
    }
    for certificate in certificates {
        store.add(certificate).map_err(|error| TlsError::Unusable {
            origin: origin(),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}
