//! Commands for a shell, which can be pasted whatever is in their arguments.

use std::ffi::OsStr;
use std::path::Path;

use mv_clip_core::text::is_printable;

/// A path as an argument for a shell.
pub(super) fn path(path: &Path) -> String {
    let text = argument(path.as_os_str());
    // Not an option.
    match text.starts_with('-') {
        true => format!("./{text}"),
        false => text,
    }
}

/// The command that verifies the authority's signature of the timestamp in a folder.
pub(super) fn openssl(folder: &Path) -> String {
    let [token, log] = ["log.jsonl.tsr", "log.jsonl"].map(|name| path(&folder.join(name)));
    format!("openssl ts -verify -in {token} -data {log} -CAfile AUTHORITY.pem")
}

/// An argument for a shell.
pub(super) fn argument(argument: &OsStr) -> String {
    match argument.to_str() {
        Some(text) if text.chars().all(is_printable) => {
            shlex::try_quote(text).map_or_else(|_| text.to_owned(), |quoted| quoted.into_owned())
        }
        _ => in_ascii(argument.as_encoded_bytes()),
    }
}

/// Bytes in the quotes `$'…'` of POSIX shells, with escapes for all that is not printable ASCII.
fn in_ascii(bytes: &[u8]) -> String {
    let escaped = bytes.iter().map(|byte| match byte {
        b'\\' | b'\'' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        byte => format!("\\{byte:03o}"),
    });
    format!("$'{}'", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_path_is_one_argument() {
        for (text, expected) in [
            ("evidence", "evidence"),
            ("my evidence", "'my evidence'"),
            ("it's", "\"it's\""),
            ("-v", "./-v"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(path(text.as_ref()), expected);
        }
        assert_eq!(argument("--out".as_ref()), "--out");
    }
}
