//! The only way to standard output and standard error.
//!
//! Everything printed may hold text from outside: of a component, a server, a file name, the environment. It
//! passes through [`mv_clip_core::text`], so that it cannot steer the terminal. The file `clippy.toml` forbids
//! all other ways.

use std::error::Error;
use std::io::{self, Write};

use mv_clip_core::text::{error_chain, is_printable, printable, printable_lines};
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub(super) struct OutputError(#[source] io::Error);

/// Fails if standard output was closed when the program started: what is printed would be lost.
///
/// In place of a closed standard output, the standard library opens `/dev/null` for reading and writing. `> /dev/null`
/// opens it for writing only.
pub(super) fn require_stdout() -> Result<(), OutputError> {
    match is_readable_null() {
        Ok(false) => Ok(()),
        Ok(true) => Err(OutputError(io::Error::other(
            "it is closed, or it is /dev/null opened for reading and writing; to discard the output, open /dev/null \
             for writing only, as `> /dev/null` does",
        ))),
        Err(error) => Err(OutputError(error)),
    }
}

/// Prints text of one or several lines to standard output.
///
/// A reader that has closed the pipe, such as `head`, is not an error.
pub(super) fn print(text: &str) -> Result<(), OutputError> {
    let text = printable_lines(text.trim_end_matches('\n'));
    match write_stdout(format!("{text}\n").as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(OutputError(error)),
        _ => Ok(()),
    }
}

/// Prints one line of JSON. Characters that [`print()`] would replace are escaped, so no information is lost.
pub(super) fn print_json(value: &Value) -> Result<(), OutputError> {
    print(&escape(&value.to_string()))
}

/// Prints one line to standard error, which is best effort. Further lines of the text are indented, so that they
/// cannot pass for messages of their own.
pub(super) fn print_message(label: &str, text: &str) {
    let message = format!("{label}: {}", text.trim_end());
    let lines: Vec<_> = message.split('\n').map(printable).collect();
    write_stderr(&format!("{}\n", lines.join("\n  ")));
}

/// Prints an error and its causes to standard error.
pub(super) fn print_error(error: &(dyn Error + 'static)) {
    print_message("error", &error_chain(error));
}

/// Prints text of several lines to standard error, such as the usage.
pub(super) fn print_usage(text: &str) {
    write_stderr(&printable_lines(text));
}

/// JSON has these characters only in strings.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_printable(c) {
            escaped.push(c);
        } else {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            escaped.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
    }
    escaped
}

/// Standard output as a file. `Stdout` itself ignores that a descriptor is not open for writing.
#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one way to standard output"
)]
fn stdout() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

#[cfg(unix)]
fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    stdout()?.write_all(bytes)
}

#[cfg(unix)]
fn is_readable_null() -> io::Result<bool> {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;
    let mut stdout = stdout()?;
    // No regular file is a device with this number.
    let is_null = stdout.metadata()?.rdev() == std::fs::metadata("/dev/null")?.rdev();
    Ok(is_null && stdout.read(&mut [0]).is_ok())
}

#[cfg(not(unix))]
fn is_readable_null() -> io::Result<bool> {
    Ok(false)
}

#[cfg(not(unix))]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one way to standard output"
)]
fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(bytes)?;
    stdout.flush()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one way to standard error"
)]
fn write_stderr(text: &str) {
    // There is no other place to report this error to.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes the events of `tracing` to standard error.
pub(super) struct LogWriter;

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for LogWriter {
    /// Takes one event. It never fails, because the subscriber would panic.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        write_stderr(&format!("{}\n", printable(text.trim_end())));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_without_loss() {
        let value = serde_json::json!({ "a\u{9b}": "b\u{1b}\u{202e}\n\u{7f}\u{2028}é" });
        let printed = escape(&value.to_string());
        let expected = r#"{"a\u009b":"b\u001b\u202e\n\u007f\u2028é"}"#;
        assert_eq!(printed, expected);
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), value);
    }
}
