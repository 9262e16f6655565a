//! Hashes files.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

/// The size of a file in bytes, and its SHA-256 in hexadecimal.
pub(crate) async fn of_file(path: &Path) -> io::Result<(u64, String)> {
    let path = path.to_owned();
    let hash = move || {
        let mut hash = Sha256::new();
        let mut file = BufReader::with_capacity(256 << 10, File::open(path)?);
        let mut size = 0;
        loop {
            let bytes = file.fill_buf()?;
            if bytes.is_empty() {
                return Ok((size, text(hash)));
            }
            hash.update(bytes);
            let read = bytes.len();
            size += read as u64;
            file.consume(read);
        }
    };
    spawn_blocking(hash).await.map_err(io::Error::other)?
}

pub(crate) fn text(hash: Sha256) -> String {
    hex::encode(hash.finalize())
}
