//! Verifies a folder against its manifest.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Component, Path};

use tokio::fs;

use crate::digest;
use crate::manifest::{Manifest, ManifestError};
use crate::names::{MANIFEST, PART, REPORT};

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The number of files in the manifest.
    pub files: usize,
    /// The differences by file name; empty if there are none.
    pub differences: BTreeMap<String, Difference>,
}

/// How a file differs from the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The file does not exist.
    Missing,
    /// The file cannot be read, for this reason.
    Unreadable(String),
    /// The file has another size.
    Size {
        /// The size in the manifest, in bytes.
        expected: u64,
        /// The size of the file, in bytes.
        found: u64,
    },
    /// The file has the expected size but another SHA-256.
    Content,
    /// The manifest does not list the file.
    Extra,
    /// The file is the rest of an interrupted run.
    Unfinished,
    /// The name in the manifest leads out of the folder.
    Outside,
}

impl Difference {
    /// An identifier for programs, such as `content`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable(_) => "unreadable",
            Self::Size { .. } => "size",
            Self::Content => "content",
            Self::Extra => "extra",
            Self::Unfinished => "unfinished",
            Self::Outside => "outside",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Unreadable(words) => write!(f, "cannot be read: {words}"),
            Self::Size { expected, found } => {
                write!(f, "has {found} bytes instead of {expected}")
            }
            Self::Content => f.write_str("has changed: its SHA-256 differs"),
            Self::Extra => f.write_str("is not in the manifest"),
            Self::Unfinished => f.write_str("is unfinished; run the same command again to resume"),
            Self::Outside => f.write_str("is not a valid file name in the manifest"),
        }
    }
}

/// Compares the files in `folder` with its manifest: size, SHA-256, missing files and extra files. It does not
/// check `report.html`, which is generated from the manifest.
///
/// # Errors
///
/// See [`ManifestError`].
pub async fn verify(folder: &Path) -> Result<Verified, ManifestError> {
    let failed = |source| ManifestError::Read {
        path: folder.to_owned(),
        source,
    };
    let manifest = Manifest::read(folder).await?;
    let manifest = manifest.ok_or_else(|| ManifestError::NotFound {
        folder: folder.to_owned(),
    })?;
    let expected = manifest.expected();
    let mut differences = BTreeMap::new();
    for (name, (size, sha256)) in &expected {
        if let Some(difference) = compare(folder, name, *size, sha256).await {
            differences.insert((*name).to_owned(), difference);
        }
    }
    let mut entries = fs::read_dir(folder).await.map_err(failed)?;
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if [MANIFEST, REPORT].contains(&&*name) || expected.contains_key(&*name) {
            continue;
        }
        let is_part = Path::new(&name)
            .extension()
            .is_some_and(|ending| ending == PART);
        let difference = if is_part {
            Difference::Unfinished
        } else {
            Difference::Extra
        };
        differences.insert(name, difference);
    }
    Ok(Verified {
        files: expected.len(),
        differences,
    })
}

async fn compare(folder: &Path, name: &str, size: u64, sha256: &str) -> Option<Difference> {
    let mut parts = Path::new(name).components();
    if !matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) {
        return Some(Difference::Outside);
    }
    let path = folder.join(name);
    // Does not follow links: their targets are not in the folder.
    let found = match fs::symlink_metadata(&path).await {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Some(Difference::Unreadable("not a regular file".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(Difference::Missing),
        Err(error) => return Some(Difference::Unreadable(error.to_string())),
    };
    if found != size {
        let expected = size;
        return Some(Difference::Size { expected, found });
    }
    match digest::of_file(&path).await {
        Ok((_, found)) if found == sha256 => None,
        Ok(_) => Some(Difference::Content),
        Err(error) => Some(Difference::Unreadable(error.to_string())),
    }
}
