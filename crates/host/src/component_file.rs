//! Reads the file of a component.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::LoadError;

/// The largest file that is read. The project's components have less than a hundredth of it.
const LARGEST: u64 = 64 << 20;

/// The magic number of WebAssembly.
const MAGIC: &[u8] = b"\0asm";

/// What a core module begins with.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Reads the file of a component, as [`ClipHostBuilder::load`](crate::ClipHostBuilder::load) does: a regular file of at
/// most 64 MiB that begins as a WebAssembly file.
///
/// # Errors
///
/// See [`LoadError`].
pub fn read_component(path: &Path) -> Result<Vec<u8>, LoadError> {
    // The error has the whole path, because a relative one depends on the working directory.
    let whole = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let failed = |error: io::Error| LoadError::Read {
        path: whole(),
        error,
    };
    let refused = |problem| LoadError::NotAComponentFile {
        path: whole(),
        problem,
    };
    let file = open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(refused("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let mut file = file.take(LARGEST + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(refused("it is larger than 64 MiB"));
    }
    if !bytes.starts_with(MAGIC) {
        return Err(refused("it is no WebAssembly file"));
    }
    if bytes.starts_with(MODULE) {
        return Err(refused("it is a core module"));
    }
    Ok(bytes)
}

/// Opens a file without the wait for a writer if it is a named pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NONBLOCK);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn refused(path: &Path) -> String {
        let error = read_component(path).unwrap_err().to_string();
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
        error
    }

    #[test]
    fn only_a_webassembly_file_of_a_reasonable_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refused(folder.path()).contains("not a regular file"));
        let file = folder.path().join("x.wasm");
        assert!(refused(&file).contains("cannot read"));
        for text in ["", "\0as", "root:x:0:0"] {
            fs::write(&file, text).unwrap();
            assert!(refused(&file).contains("no WebAssembly file"));
        }
        fs::write(&file, MODULE).unwrap();
        assert!(refused(&file).contains("a core module"));
        fs::write(&file, "\0asm....").unwrap();
        assert_eq!(read_component(&file).unwrap(), b"\0asm....");
        let large = File::options().write(true).open(&file).unwrap();
        large.set_len(LARGEST + 1).unwrap();
        assert!(refused(&file).contains("larger than 64 MiB"));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_or_a_pipe_is_not_read() {
        assert!(refused(Path::new("/dev/zero")).contains("not a regular file"));
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert!(refused(&pipe).contains("not a regular file"));
    }
}
