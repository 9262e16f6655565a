//! The names of the files in a folder. Those of clips come from their footage: see
//! [`Footage::file_stem`](crate::Footage::file_stem).

use crate::footage::{Footage, InvalidFootage};

/// Everything that happened to the folder: see [`log`](crate::log).
pub(crate) const LOG: &str = "log.jsonl";

/// The signature of the log, where `minisign -V -m log.jsonl` looks for it.
pub(crate) const SIGNATURE: &str = "log.jsonl.minisig";

/// The timestamp of the log: a reply of RFC 3161.
pub(crate) const TIMESTAMP: &str = "log.jsonl.tsr";

/// Says who writes to the folder, where the file system has no locks.
pub(crate) const OWNER: &str = "log.jsonl.lock";

/// Lists what the folder holds.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Shows what the folder holds in a browser.
pub(crate) const REPORT: &str = "report.html";

/// The extension of an unfinished file.
pub(crate) const PART: &str = "part";

/// What file managers leave in every folder.
pub(crate) const OF_FILE_MANAGERS: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

impl Footage {
    /// The name of the clip.
    pub(crate) fn clip_name(&self) -> Result<String, InvalidFootage> {
        Ok(format!("{}.ts", self.file_stem()?))
    }

    /// The name of the same footage as MP4.
    pub(crate) fn mp4_name(&self) -> Result<String, InvalidFootage> {
        Ok(format!("{}.mp4", self.file_stem()?))
    }
}

/// The unfinished file of `name` that the next run continues.
pub(crate) fn part(name: &str) -> String {
    format!("{name}.{PART}")
}

/// An unfinished file of `name` that no other run uses.
pub(crate) fn unique_part(name: &str) -> String {
    format!("{name}.{:08x}.{PART}", rand::random::<u32>())
}

/// The name that an unfinished file is for, and whether the next run can continue it.
pub(crate) fn of_part(part: &str) -> Option<(&str, bool)> {
    let name = part.strip_suffix(PART)?.strip_suffix('.')?;
    let is_hex = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.rsplit_once('.') {
        Some((name, unique)) if is_hex(unique) => Some((name, false)),
        _ => Some((name, name.ends_with(".ts"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_says_what_it_is_for() {
        assert_eq!(of_part(&part("a.ts")), Some(("a.ts", true)));
        assert_eq!(of_part(&unique_part("a.mp4")), Some(("a.mp4", false)));
        // Of earlier versions.
        assert_eq!(of_part("a.mp4.part"), Some(("a.mp4", false)));
        for name in ["a.ts", "part", ".part.ts"] {
            assert_eq!(of_part(name), None, "{name}");
        }
        assert_ne!(unique_part("a"), unique_part("a"));
    }
}
