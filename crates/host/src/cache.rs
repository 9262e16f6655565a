//! Compiled components on disk, so that a new process does not have to compile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use directories_next::BaseDirs;
use wasmtime::{Cache, CacheConfig};

use crate::error::{CacheError, EngineError};
#[cfg(unix)]
use crate::private::{self, NotPrivate};

/// A folder of compiled components, for [`ClipHostBuilder::cache`](crate::ClipHostBuilder::cache): a process
/// that finds its component there is ready in milliseconds. Cloning is cheap.
///
/// It is wasmtime's own cache. The key of an entry is the content of the component, the version of the
/// engine, its settings and the processor. Any number of processes may use the folder at once. Entries that have not
/// been used for long are removed.
///
/// The engine runs what it loads from the folder as native code, without a check. So nobody else may have written to
/// it. The folder has to have mode 0700. It, everything in it and everything above it has to belong to this user (what
/// is above it, to root or this user) and must not be writable by others. There must be no link in it. A folder that
/// does not fit is refused. Remove it: to change its mode would keep what others may have left in it.
///
/// The engine makes its files by the process's umask. With a umask that lets others write, such as 000, the next
/// process refuses the folder.
#[derive(Clone, Debug)]
pub struct CodeCache(Cache);

impl CodeCache {
    /// The cache `mv-clip` in the user's cache folder: below `$XDG_CACHE_HOME` or `~/.cache` on Linux,
    /// `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
    ///
    /// # Errors
    ///
    /// [`CacheError::NoFolder`] if the user has no such folder, else as [`CodeCache::at`].
    pub fn default_dir() -> Result<Self, CacheError> {
        let user = BaseDirs::new().ok_or(CacheError::NoFolder)?;
        Self::at(&user.cache_dir().join("mv-clip"))
    }

    /// The cache in `folder`. A folder that does not exist is made, for this user alone.
    ///
    /// # Errors
    ///
    /// See [`CacheError`].
    pub fn at(folder: &Path) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Io {
            folder: folder.to_owned(),
            source,
        };
        make(folder).map_err(failed)?;
        let absolute = private(folder)?;
        let mut config = CacheConfig::new();
        config.with_directory(absolute);
        Cache::new(config)
            .map(Self)
            .map_err(|source| CacheError::Refused {
                folder: folder.to_owned(),
                error: EngineError::new(source),
            })
    }

    pub(crate) fn engine_cache(&self) -> Cache {
        self.0.clone()
    }

    /// Removes what was added lately: the engine adds a component before the host can refuse it. What another process
    /// added at the same time goes too, and is compiled again.
    pub(crate) fn forget(&self, since: SystemTime) {
        // The clock of a file system may be somewhat behind.
        let since = since.checked_sub(Duration::from_secs(1));
        let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
        let versions = entries(self.0.directory().join("modules"));
        for entry in versions.flat_map(|version| entries(version.path())) {
            let modified = entry.metadata().and_then(|data| data.modified());
            if modified.is_ok_and(|modified| Some(modified) >= since) {
                // Whatever stays is removed when it is old.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// How many components this value and its clones found in the cache.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.0.cache_hits()
    }
}

#[cfg(unix)]
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// The folder without links, if it is this user's alone.
#[cfg(unix)]
fn private(folder: &Path) -> Result<PathBuf, CacheError> {
    private::check(folder).map_err(|error| {
        let folder = folder.to_owned();
        match error {
            NotPrivate::Io(source) => CacheError::Io { folder, source },
            NotPrivate::Entry(entry, problem) => CacheError::NotPrivate {
                folder,
                entry,
                problem,
            },
            NotPrivate::Parent(parent, problem) => CacheError::Replaceable {
                folder,
                parent,
                problem,
            },
        }
    })
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// On other systems, a user's folders are private by default.
#[cfg(not(unix))]
fn private(folder: &Path) -> Result<PathBuf, CacheError> {
    folder.canonicalize().map_err(|source| CacheError::Io {
        folder: folder.to_owned(),
        source,
    })
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(folder: &Path) -> u32 {
        fs::metadata(folder).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_is_the_users_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        CodeCache::at(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
    }

    #[test]
    fn a_refused_folder_is_to_be_removed_and_not_to_be_closed() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = CodeCache::at(folder.path()).unwrap_err().to_string();
        let advice = format!("remove {}", folder.path().display());
        assert!(
            error.contains(&advice) && !error.contains("chmod"),
            "{error}"
        );
        let below = folder.path().join("cache");
        CodeCache::at(&below).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = CodeCache::at(&below).unwrap_err().to_string();
        assert!(error.ends_with("use another folder"), "{error}");
    }

    #[test]
    fn a_file_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let refused = CodeCache::at(&file);
        assert!(matches!(refused, Err(CacheError::Io { .. })), "{refused:?}");
    }
}
