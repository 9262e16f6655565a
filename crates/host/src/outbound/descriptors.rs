//! How many files the process may have open, and has.

/// Files that the process may still open. None where there is no such limit, or none is known.
pub(super) fn free() -> Option<usize> {
    Some(limit()?.saturating_sub(open()))
}

/// The limit that the process runs with: `ulimit -n`.
#[cfg(unix)]
pub(super) fn limit() -> Option<usize> {
    use nix::sys::resource::{Resource, getrlimit};

    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    usize::try_from(soft).ok()
}

#[cfg(not(unix))]
pub(super) fn limit() -> Option<usize> {
    None
}

/// How many are open. Each listing of the folder has one of its own.
fn open() -> usize {
    let listed = ["/proc/self/fd", "/dev/fd"]
        .into_iter()
        .find_map(|folder| std::fs::read_dir(folder).ok());
    listed.map_or(USUAL, Iterator::count)
}

/// If they cannot be counted: a program with a runtime and a log has about as many.
const USUAL: usize = 16;
