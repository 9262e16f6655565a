//! A folder by its handle: no name in it leads anywhere else.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cap_fs_ext::{FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};

/// A file or folder that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}; check that the folder is writable and has free space")]
#[non_exhaustive]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// The error of the operating system.
    pub source: io::Error,
}

impl WriteError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// An open folder. All names are those of files directly in it. A name that is a link, a pipe, a device or a folder is
/// refused.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
    path: PathBuf,
    /// Whether the file system refused to make a name or a file durable.
    is_volatile: AtomicBool,
}

impl Folder {
    /// Opens a folder that exists.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            dir: Dir::open_ambient_dir(path, ambient_authority())?,
            path: path.to_owned(),
            is_volatile: AtomicBool::new(false),
        })
    }

    /// Opens a folder, or creates one that only its owner may enter.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path)?;
        Self::open(path)
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a file for reading.
    pub(crate) fn read(&self, name: &str) -> io::Result<File> {
        let (file, _) = self.regular(name, OpenOptions::new().read(true))?;
        Ok(file)
    }

    /// Reads a file of at most this many bytes.
    pub(crate) fn read_bounded(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(name)?.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            let message = format!("larger than {most} bytes");
            return Err(io::Error::new(ErrorKind::FileTooLarge, message));
        }
        Ok(bytes)
    }

    /// Opens a file for reading and appending, and creates it if it does not exist.
    pub(crate) fn append(&self, name: &str) -> io::Result<File> {
        self.own(
            name,
            OpenOptions::new().read(true).append(true).create(true),
        )
    }

    /// Opens a file for reading and writing, and creates it if it does not exist.
    pub(crate) fn write(&self, name: &str) -> io::Result<File> {
        self.own(name, OpenOptions::new().read(true).write(true).create(true))
    }

    /// Creates a file that does not exist.
    pub(crate) fn create_new(&self, name: &str) -> io::Result<File> {
        self.own(name, OpenOptions::new().write(true).create_new(true))
    }

    /// Opens a file that has no other name: what is written to it changes nothing else.
    fn own(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(options, 0o600);
        let (file, names) = self.regular(name, options)?;
        // Some shares say 0.
        if names > 1 {
            return Err(io::Error::other("it is a hard link to another file"));
        }
        #[cfg(unix)]
        for_owner_only(&file)?;
        Ok(file)
    }

    /// Whether a name stands for something that is not opened for writing: a link, a pipe, a device or a folder.
    pub(crate) fn is_refused(&self, name: &str) -> io::Result<bool> {
        let found = self.look(name)?;
        Ok(found.is_some_and(|found| !found.is_file() || (cfg!(unix) && found.nlink() > 1)))
    }

    /// Whether a name stands for this open file. Only Unix can tell.
    pub(crate) fn is_named(&self, name: &str, file: &File) -> io::Result<bool> {
        #[cfg(unix)]
        {
            let open = file.metadata()?;
            let named = self.look(name)?;
            Ok(named.is_some_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino())))
        }
        #[cfg(not(unix))]
        {
            let _ = (name, file);
            Ok(true)
        }
    }

    /// A regular file, and the number of its names.
    fn regular(&self, name: &str, options: &mut OpenOptions) -> io::Result<(File, u64)> {
        // Otherwise a pipe would be waited for.
        options.follow(FollowSymlinks::No).nonblock(true);
        let file = self.dir.open_with(name, options)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok((file.into_std(), found.nlink()))
    }

    /// What a name stands for, without following a link; `None` for nothing.
    pub(crate) fn look(&self, name: &str) -> io::Result<Option<Metadata>> {
        match self.dir.symlink_metadata(name) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a file another name, in place of the file that had it, and makes that durable.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.dir.rename(from, &self.dir, to)?;
        self.sync()
    }

    /// Removes a file. A link is removed, not what it leads to.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match self.dir.remove_file(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The names in the folder.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let entries = self.dir.entries()?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    /// Makes the names in the folder durable, if the file system can.
    fn sync(&self) -> io::Result<()> {
        // Other systems cannot open a folder as a file, and do not need this.
        if cfg!(unix) {
            // The handle itself is one for paths only.
            self.durable(self.dir.open(".")?.into_std().sync_all())?;
        }
        Ok(())
    }

    /// Makes the content of a file durable, if the file system can.
    pub(crate) fn sync_file(&self, file: &File) -> io::Result<()> {
        self.durable(file.sync_all())
    }

    /// Shares of other machines, and file systems of programs, may refuse to sync. That is no reason to keep nothing.
    fn durable(&self, synced: io::Result<()>) -> io::Result<()> {
        use ErrorKind as Is;
        match synced {
            Err(error)
                if matches!(
                    error.kind(),
                    Is::InvalidInput | Is::Unsupported | Is::PermissionDenied
                ) =>
            {
                self.is_volatile.store(true, Ordering::Relaxed);
                Ok(())
            }
            synced => synced,
        }
    }

    /// Whether a loss of power may undo what was written.
    pub(crate) fn is_volatile(&self) -> bool {
        self.is_volatile.load(Ordering::Relaxed)
    }
}

/// Takes a file's content away from others, if they could read it and the file system can.
#[cfg(unix)]
fn for_owner_only(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o777 != 0o600 {
        permissions.set_mode(0o600);
        if let Err(error) = file.set_permissions(permissions) {
            tracing::info!(%error, "the file system sets no permissions");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        (temporary, folder)
    }

    #[test]
    fn a_renamed_file_is_made_durable() {
        let (_temporary, folder) = folder();
        folder.create_new("a").unwrap();
        folder.rename("a", "b").unwrap();
        assert_eq!(folder.names().unwrap(), ["b"]);
        assert!(!folder.is_volatile());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_lost_its_name_is_not_the_one_with_this_name() {
        let (_temporary, folder) = folder();
        let first = folder.append("a").unwrap();
        assert!(folder.is_named("a", &first).unwrap());
        folder.remove("a").unwrap();
        assert!(!folder.is_named("a", &first).unwrap());
        let second = folder.append("a").unwrap();
        assert!(!folder.is_named("a", &first).unwrap());
        assert!(folder.is_named("a", &second).unwrap());
    }

    #[test]
    fn a_large_file_is_not_read() {
        let (temporary, folder) = folder();
        std::fs::write(temporary.path().join("a"), "12345").unwrap();
        assert_eq!(folder.read_bounded("a", 5).unwrap(), b"12345");
        let error = folder.read_bounded("a", 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_opened() {
        use std::os::unix::fs::symlink;
        let (temporary, folder) = folder();
        let at = |name: &str| temporary.path().join(name);
        std::fs::write(at("file"), "kept").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("new"), at("dangling")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["link", "dangling", "endless", "folder", "pipe"] {
            assert!(folder.read(name).is_err(), "{name}");
            assert!(folder.append(name).is_err(), "{name}");
            assert!(folder.write(name).is_err(), "{name}");
            assert!(folder.create_new(name).is_err(), "{name}");
        }
        assert!(!at("new").exists());
        // What is written to a name of its own changes no other file.
        std::fs::hard_link(at("file"), at("other")).unwrap();
        assert!(folder.append("other").is_err());
        assert!(folder.write("other").is_err());
        assert!(folder.read("other").is_ok());
        assert_eq!(std::fs::read(at("file")).unwrap(), b"kept");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt;
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("new/folder");
        let folder = Folder::create(&path).unwrap();
        let everybody = std::fs::Permissions::from_mode(0o666);
        for name in ["of an earlier run", "log"] {
            std::fs::write(path.join(name), "").unwrap();
            std::fs::set_permissions(path.join(name), everybody.clone()).unwrap();
        }
        folder.write("of an earlier run").unwrap();
        folder.append("log").unwrap();
        folder.append("a").unwrap();
        folder.write("b").unwrap();
        folder.create_new("c").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        for name in ["a", "b", "c", "of an earlier run", "log"] {
            assert_eq!(mode(&path.join(name)), 0o600, "{name}");
        }
    }
}
