//! Compares a file with its record.

use std::io;

use crate::difference::Difference;
use crate::digest;
use crate::folder::Folder;

/// Compares the file with this name. Reads it only if it is a regular file of the expected size.
pub(crate) fn compare(folder: &Folder, name: &str, size: u64, sha256: &str) -> Option<Difference> {
    let unreadable = |error: io::Error| Some(Difference::Unreadable(error.to_string()));
    match folder.look(name) {
        Ok(None) => return Some(Difference::Missing),
        Ok(Some(found)) if !found.is_file() => {
            return Some(Difference::Unreadable("not a regular file".to_owned()));
        }
        Ok(Some(found)) if found.len() != size => {
            return Some(Difference::Size {
                expected: size,
                found: found.len(),
            });
        }
        Ok(Some(_)) => {}
        Err(error) => return unreadable(error),
    }
    match folder.read(name).and_then(digest::of_file) {
        Ok((_, found)) if found == sha256 => None,
        Ok(_) => Some(Difference::Content),
        Err(error) => unreadable(error),
    }
}
