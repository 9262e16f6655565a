//! Hashes files.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use sha2::{Digest, Sha256};

/// The size of a file in bytes, and its SHA-256 in hexadecimal.
pub(crate) fn of_file(file: File) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut file = BufReader::with_capacity(256 << 10, file);
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
}

/// The size of these bytes, and their SHA-256 in hexadecimal.
pub(crate) fn of_bytes(bytes: &[u8]) -> (u64, String) {
    let hash = Sha256::new().chain_update(bytes);
    (bytes.len() as u64, text(hash))
}

pub(crate) fn text(hash: Sha256) -> String {
    hex::encode(hash.finalize())
}
