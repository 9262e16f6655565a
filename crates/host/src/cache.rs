//! Compiled components on disk, so that a new process does not have to compile.

use std::fs;
use std::io;
use std::path::Path;

use directories_next::BaseDirs;
use wasmtime::{Cache, CacheConfig};

use crate::error::{CacheError, EngineError};

/// A folder of compiled components, for [`ClipHostBuilder::cache`](crate::ClipHostBuilder::cache): a process
/// that finds its component there is ready in milliseconds. Cloning is cheap.
///
/// It is wasmtime's own cache. The key of an entry is the content of the component, the version of the
/// engine, its settings and the processor. Any number of processes may use the folder at once. Entries that have not
/// been used for long are removed.
///
/// The engine runs what it loads from the folder as native code, without a check. So the folder has to be the
/// user's own: one that others could write to is refused.
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
        if !is_private(folder).map_err(failed)? {
            let folder = folder.to_owned();
            return Err(CacheError::NotPrivate { folder });
        }
        let absolute = folder.canonicalize().map_err(failed)?;
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

#[cfg(unix)]
fn is_private(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let found = fs::symlink_metadata(folder)?;
    let own = found.uid() == nix::unistd::geteuid().as_raw();
    Ok(found.is_dir() && own && found.mode() & WRITABLE_BY_OTHERS == 0)
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// On other systems, a user's folders are private by default.
#[cfg(not(unix))]
fn is_private(folder: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(folder)?.is_dir())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

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
    fn a_folder_that_others_may_write_to_is_refused() {
        for (mode, refused) in [(0o700, false), (0o755, false), (0o775, true), (0o702, true)] {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let result = CodeCache::at(folder.path());
            let found = matches!(result, Err(CacheError::NotPrivate { .. }));
            assert_eq!(found, refused, "{mode:o}: {result:?}");
        }
    }

    #[test]
    fn a_link_and_a_file_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, link, file) = (
            parent.path().join("folder"),
            parent.path().join("link"),
            parent.path().join("file"),
        );
        fs::create_dir(&folder).unwrap();
        symlink(&folder, &link).unwrap();
        fs::write(&file, "").unwrap();
        let refused = CodeCache::at(&link);
        assert!(
            matches!(refused, Err(CacheError::NotPrivate { .. })),
            "{refused:?}"
        );
        let refused = CodeCache::at(&file);
        assert!(matches!(refused, Err(CacheError::Io { .. })), "{refused:?}");
    }
}
