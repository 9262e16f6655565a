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

/// An argument for a shell.
pub(super) fn argument(argument: &OsStr) -> String {
    match argument.to_str() {
        Some(text) if text.chars().all(is_printable) => {
            shlex::try_quote(text).map_or_else(|_| text.to_owned(), |quoted| quoted.into_owned())
        }
        _ => in_ascii(argument.as_encoded_bytes()),
    }
}

/// The arguments of one command, of which nothing runs another command. `None` if they are not those of one.
pub(super) fn only_arguments(command: &str) -> Option<String> {
    let arguments = shlex::split(command)?;
    let quoted = arguments.iter().map(|text| argument(text.as_ref()));
    Some(quoted.collect::<Vec<_>>().join(" "))
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

    #[test]
    fn a_command_of_a_log_runs_no_other_command() {
        for (command, expected) in [
            (
                "range A --out 'my evidence'",
                Some("range A --out 'my evidence'"),
            ),
            ("range A; rm -rf b", Some("range 'A;' rm -rf b")),
            ("range $(rm b) `rm b`", Some("range '$(rm' 'b)' '`rm' 'b`'")),
            ("range A\nrm b", Some("range A rm b")),
            ("range 'A", None),
        ] {
            assert_eq!(only_arguments(command).as_deref(), expected, "{command}");
        }
    }
}
