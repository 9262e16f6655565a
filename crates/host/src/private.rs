//! Checks that only this user can have written to a folder.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// The most entries of a folder that are checked. A cache has two for each component and version of the engine.
const MOST_ENTRIES: usize = 20_000;

/// The most links that are followed: as many as Linux follows.
const MOST_LINKS: usize = 40;

const OTHERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

const FOREIGN: &str = "belongs to another user";
const LINK: &str = "is a link";
const WRITABLE: &str = "is writable by other users";

/// Why a folder is not private.
#[derive(Debug)]
pub(crate) enum NotPrivate {
    /// Another user may have written this entry of the folder, or the folder itself.
    Entry(PathBuf, &'static str),
    /// Because of this folder above it, another user could replace the folder.
    Parent(PathBuf, &'static str),
    /// The folder cannot be read.
    Io(io::Error),
}

impl From<io::Error> for NotPrivate {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Checks the owner, the kind and the mode of a folder, of everything in it, and of every folder above it. Gives its
/// path without links.
///
/// The result stays true until this user changes a mode or an owner, because no other user but root can change what was
/// checked. So the files may be opened later.
pub(crate) fn check(folder: &Path) -> Result<PathBuf, NotPrivate> {
    // Without a slash at the end, because the slash would follow a link.
    let folder: PathBuf = std::path::absolute(folder)?.components().collect();
    if fs::symlink_metadata(&folder)?.is_symlink() {
        return Err(NotPrivate::Entry(folder, LINK));
    }
    let folder = resolve(&folder)?;
    check_inside(&folder, MOST_ENTRIES)?;
    Ok(folder)
}

/// Follows the links of a path, and checks each folder and each link on the way.
fn resolve(folder: &Path) -> Result<PathBuf, NotPrivate> {
    let mut path = PathBuf::from("/");
    check_parent(&path, &fs::symlink_metadata(&path)?)?;
    let mut names = names(folder);
    let mut links = 0;
    while let Some(name) = names.pop() {
        let next = path.join(&name);
        if name == ".." {
            path.pop();
            continue;
        }
        let found = fs::symlink_metadata(&next)?;
        if found.is_symlink() {
            links += 1;
            if !is_trusted(&found) || links > MOST_LINKS {
                return Err(NotPrivate::Parent(next, LINK));
            }
            let target = fs::read_link(&next)?;
            if target.is_absolute() {
                path = PathBuf::from("/");
            }
            names.extend(self::names(&target));
            continue;
        }
        // The last component is checked with the content of the folder.
        if !names.is_empty() {
            check_parent(&next, &found)?;
        }
        path = next;
    }
    Ok(path)
}

/// The names of a path, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().rev();
    names
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

/// In a sticky folder, such as `/tmp`, nobody can replace what others own.
fn check_parent(path: &Path, found: &Metadata) -> Result<(), NotPrivate> {
    let problem = if !is_trusted(found) {
        FOREIGN
    } else if found.mode() & WRITABLE_BY_OTHERS != 0 && found.mode() & STICKY == 0 {
        WRITABLE
    } else {
        return Ok(());
    };
    Err(NotPrivate::Parent(path.to_owned(), problem))
}

fn check_inside(folder: &Path, most_entries: usize) -> Result<(), NotPrivate> {
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory).into());
    }
    let problem = match problem_of(&found) {
        // The umask may have made a file in it writable for others.
        None if found.mode() & OTHERS != 0 => Some("is open to other users"),
        problem => problem,
    };
    if let Some(problem) = problem {
        return Err(NotPrivate::Entry(folder.to_owned(), problem));
    }
    let mut entries = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            entries += 1;
            if entries > most_entries {
                return Err(NotPrivate::Entry(folder, "has too many entries to check"));
            }
            let found = match fs::symlink_metadata(&path) {
                // Another process removes old entries.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            if let Some(problem) = problem_of(&found) {
                return Err(NotPrivate::Entry(path, problem));
            }
            if found.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

fn problem_of(found: &Metadata) -> Option<&'static str> {
    if found.is_symlink() {
        Some(LINK)
    } else if found.uid() != user() {
        Some(FOREIGN)
    } else if found.mode() & WRITABLE_BY_OTHERS != 0 {
        Some(WRITABLE)
    } else if found.is_dir() {
        None
    } else if !found.is_file() {
        Some("is neither a file nor a folder")
    } else if found.nlink() > 1 {
        Some("has another name (a hard link)")
    } else {
        None
    }
}

/// Whether root or this user owns it.
fn is_trusted(found: &Metadata) -> bool {
    [0, user()].contains(&found.uid())
}

fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};
    use std::os::unix::net::UnixListener;

    use tempfile::TempDir;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o700);
        folder
    }

    /// A folder like that of a cache.
    fn cache() -> TempDir {
        let cache = folder();
        let modules = cache.path().join("modules/wasmtime");
        fs::create_dir_all(&modules).unwrap();
        for path in [&modules, modules.parent().unwrap()] {
            set_mode(path, 0o755);
        }
        fs::write(modules.join("entry"), "code").unwrap();
        set_mode(&modules.join("entry"), 0o644);
        cache
    }

    #[track_caller]
    fn refused(folder: &Path) -> (PathBuf, &'static str) {
        match check(folder) {
            Err(NotPrivate::Entry(path, problem) | NotPrivate::Parent(path, problem)) => {
                (path, problem)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_users_own_folder_passes() {
        let cache = cache();
        let expected = cache.path().canonicalize().unwrap();
        assert_eq!(check(cache.path()).unwrap(), expected);
        let with_slash = PathBuf::from(format!("{}/", cache.path().display()));
        assert_eq!(check(&with_slash).unwrap(), expected);
    }

    #[test]
    fn a_folder_that_is_open_to_others_is_refused() {
        for mode in [0o755, 0o750, 0o775, 0o702, 0o711] {
            let cache = cache();
            set_mode(cache.path(), mode);
            refused(cache.path());
        }
    }

    /// The folder was writable for all users for some time. A planted file stays after the mode is corrected.
    #[test]
    fn what_others_could_have_written_is_refused() {
        type Plant = fn(&Path);
        let plants: [(Plant, &str); 6] = [
            (|entry| set_mode(entry, 0o666), WRITABLE),
            (|entry| set_mode(entry, 0o664), WRITABLE),
            (|entry| set_mode(entry.parent().unwrap(), 0o777), WRITABLE),
            (
                |entry| {
                    let planted = entry.with_file_name("planted");
                    fs::rename(entry, &planted).unwrap();
                    symlink(planted, entry).unwrap();
                },
                LINK,
            ),
            (
                |entry| fs::hard_link(entry, entry.with_file_name("other")).unwrap(),
                "has another name (a hard link)",
            ),
            (
                |entry| {
                    fs::remove_file(entry).unwrap();
                    drop(UnixListener::bind(entry).unwrap());
                    set_mode(entry, 0o600);
                },
                "is neither a file nor a folder",
            ),
        ];
        for (plant, expected) in plants {
            let cache = cache();
            plant(&cache.path().join("modules/wasmtime/entry"));
            let (path, problem) = refused(cache.path());
            assert_eq!(problem, expected, "{path:?}");
        }
    }

    #[test]
    fn what_another_user_owns_is_refused() {
        // Only root can change the owner of a file.
        if user() != 0 {
            return;
        }
        for name in ["", "modules", "modules/wasmtime", "modules/wasmtime/entry"] {
            let cache = cache();
            lchown(cache.path().join(name), Some(65_534), None).unwrap();
            assert_eq!(refused(cache.path()).1, FOREIGN, "{name}");
        }
    }

    #[test]
    fn a_folder_that_another_user_could_replace_is_refused() {
        for (mode, is_refused) in [
            (0o777, true),
            (0o775, true),
            (0o1777, false),
            (0o755, false),
        ] {
            let parent = folder();
            let cache = parent.path().join("cache");
            fs::create_dir(&cache).unwrap();
            set_mode(&cache, 0o700);
            set_mode(parent.path(), mode);
            let found = check(&cache);
            let found = matches!(&found, Err(NotPrivate::Parent(path, WRITABLE)) if path.ends_with(parent.path().file_name().unwrap()));
            assert_eq!(found, is_refused, "{mode:o}");
        }
    }

    #[test]
    fn links_are_followed_and_each_folder_on_the_way_is_checked() {
        let (parent, open, cache) = (folder(), folder(), cache());
        let link = parent.path().join("link");
        symlink(cache.path(), &link).unwrap();
        assert_eq!(refused(&link), (link.clone(), LINK));
        let below = link.join("modules");
        set_mode(&cache.path().join("modules"), 0o700);
        let expected = cache.path().canonicalize().unwrap().join("modules");
        assert_eq!(check(&below).unwrap(), expected);
        // The link is in a folder that others may write to.
        set_mode(open.path(), 0o777);
        let exposed = open.path().join("link");
        symlink(cache.path(), &exposed).unwrap();
        assert_eq!(refused(&exposed.join("modules")).1, WRITABLE);
        // The link leads through such a folder.
        let way = parent.path().join("way");
        let inside = open.path().join("inside");
        fs::create_dir(&inside).unwrap();
        symlink(&inside, &way).unwrap();
        fs::create_dir(inside.join("cache")).unwrap();
        assert_eq!(refused(&way.join("cache")).1, WRITABLE);
        let around = parent.path().join("around");
        symlink("around", &around).unwrap();
        assert!(check(&around.join("cache")).is_err());
        if user() == 0 {
            lchown(&link, Some(65_534), None).unwrap();
            assert_eq!(refused(&below).1, LINK);
        }
    }

    #[test]
    fn a_folder_with_too_many_entries_is_refused() {
        // Two folders and a file.
        let cache = cache();
        assert!(check_inside(cache.path(), 3).is_ok());
        let refused = check_inside(cache.path(), 2);
        assert!(matches!(refused, Err(NotPrivate::Entry(..))), "{refused:?}");
    }
}
