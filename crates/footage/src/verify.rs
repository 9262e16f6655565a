//! Verifies a folder against its log.

use std::collections::BTreeMap;
use std::path::Path;

use crate::blocking::blocking;
use crate::compare::{Difference, compare};
use crate::folder::Folder;
use crate::log::Record;
use crate::manifest::ManifestError;
use crate::names::{LOG, MANIFEST, OF_FILE_MANAGERS, OWNER, REPORT, of_part};

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The number of clips and MP4s on record.
    pub files: usize,
    /// The differences by file name; empty if there are none.
    pub differences: BTreeMap<String, Difference>,
}

/// Compares the files in `folder` with its log: size, SHA-256, missing files, extra files, and footage that was asked
/// for without an outcome. Nothing is read but regular files whose names follow from the footage on record. A clip
/// whose failure is on record is no difference.
///
/// It can run beside a run that fills the folder, and then finds what is unfinished at that moment.
///
/// # Errors
///
/// See [`ManifestError`].
pub async fn verify(folder: &Path) -> Result<Verified, ManifestError> {
    let path = folder.to_owned();
    blocking(move || verify_blocking(&path)).await
}

fn verify_blocking(path: &Path) -> Result<Verified, ManifestError> {
    let failed = |source| ManifestError::Read {
        path: path.to_owned(),
        source,
    };
    let folder = Folder::open(path).map_err(failed)?;
    let record = Record::read(&folder)?;
    let record = record.ok_or_else(|| ManifestError::NotFound {
        folder: path.to_owned(),
    })?;
    let expected = record.expected();
    let mut differences = BTreeMap::new();
    for (name, (size, sha256)) in &expected {
        if let Some(difference) = compare(&folder, name, *size, sha256) {
            differences.insert((*name).to_owned(), difference);
        }
    }
    for name in folder.names().map_err(failed)? {
        let is_known = [LOG, OWNER, MANIFEST, REPORT].contains(&&*name)
            || OF_FILE_MANAGERS.contains(&&*name)
            || expected.contains_key(&*name);
        if !is_known {
            let difference = match of_part(&name) {
                Some(_) => Difference::Unfinished,
                None => Difference::Extra,
            };
            differences.insert(name, difference);
        }
    }
    for footage in &record.manifest.pending {
        let name = footage.clip_name();
        let name = name.unwrap_or_else(|_| footage.to_string());
        differences.insert(name, Difference::Pending);
    }
    if let Some(line) = record.changed_before {
        differences.insert(LOG.to_owned(), Difference::Log { line });
    }
    Ok(Verified {
        files: record.manifest.expected().len(),
        differences,
    })
}
