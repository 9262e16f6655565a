//! Whether a folder still holds what its manifest says.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Component, Path};

use tokio::fs;

use crate::manifest::{MANIFEST, Manifest, ManifestError};
use crate::{PART, REPORT, digest};

/// What a check of a folder found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many files the manifest lists.
    pub files: usize,
    /// What differs, by name of file; nothing if all is well.
    pub differences: BTreeMap<String, Difference>,
}

/// In what a file differs from the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Missing,
    /// It cannot be read; the system's words.
    Unreadable(String),
    /// It has another size, in bytes.
    Size {
        /// What the manifest says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// It has the size, and other bytes.
    Content,
    /// It is there and the manifest does not list it.
    Extra,
    /// A run was broken off while this was written.
    Unfinished,
    /// It is listed under a name that leads out of the folder.
    Outside,
}

impl Difference {
    /// Its name for programs, such as `content`.
    #[must_use]
    pub fn name(&self) -> &'static str {
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
            Self::Missing => f.write_str("the manifest lists it, and it is not there"),
            Self::Unreadable(words) => write!(f, "it cannot be read: {words}"),
            Self::Size { expected, found } => {
                write!(f, "it has {found} bytes in place of {expected}")
            }
            Self::Content => f.write_str("its bytes are not those that were saved (SHA-256)"),
            Self::Extra => f.write_str("it is there, and the manifest does not list it"),
            Self::Unfinished => {
                f.write_str("it is unfinished: the same command as before continues it")
            }
            Self::Outside => f.write_str("the manifest lists it, and it is not a file's name"),
        }
    }
}

/// Compares the files in `folder` with its manifest: by size and SHA-256, and whether any is missing or
/// extra. `report.html` is made from the manifest and is not compared.
///
/// # Errors
///
/// See [`ManifestError`].
pub async fn verify(folder: &Path) -> Result<Verified, ManifestError> {
    let failed = |source| ManifestError::Io {
        path: folder.join(MANIFEST),
        source,
    };
    let manifest = Manifest::read(folder).await?;
    let manifest = manifest.ok_or_else(|| ManifestError::None {
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
    // Not followed: what a link leads to is not in the folder.
    let found = match fs::symlink_metadata(&path).await {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Some(Difference::Unreadable("it is not a file".to_owned())),
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
