//! The names of the files in a folder.

/// Lists what the folder holds.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Shows what the folder holds in a browser.
pub(crate) const REPORT: &str = "report.html";

/// The extension of an unfinished file.
pub(crate) const PART: &str = "part";
