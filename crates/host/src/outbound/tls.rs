//! The root certificates of TLS connections.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::error::TlsError;

/// A hundred times as large as the file of all certificates that a system trusts.
const LARGEST: u64 = 16 << 20;

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
            Self::File(path) => {
                CertificateDer::pem_slice_iter(&read(path).map_err(Error::Io)?).collect()
            }
            Self::Bytes(bytes) => CertificateDer::pem_slice_iter(bytes).collect(),
        }
    }
}

/// A device may have no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(LARGEST + 1);
    file.read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::other("it is larger than 16 MiB")),
        false => Ok(bytes),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_not_read() {
        let large = tempfile::NamedTempFile::new().unwrap();
        large.as_file().set_len(LARGEST + 1).unwrap();
        let error = client_config(&[Roots::File(large.path().to_owned())]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("larger than 16 MiB"), "{error}");
        large.as_file().set_len(LARGEST).unwrap();
        let error = client_config(&[Roots::File(large.path().to_owned())]);
        assert!(matches!(error, Err(TlsError::Empty { .. })), "{error:?}");
    }
}
