//! Properties of all messages.

/// The API key of all calls.
pub(crate) const KEY: &str = "k3y-0f-s0mebody";

/// The secret in the URLs of clips.
pub(crate) const TOKEN: &str = "t0ken-of-a-clip";

/// The longest message: its own text, and up to three texts of a server, of 120 characters each, escaped.
const LONGEST: usize = 4_600;

/// A message is short, printable, and without the API key.
#[track_caller]
pub(crate) fn assert_printable(message: &str) {
    assert!(
        message.len() <= LONGEST,
        "{} bytes: {message}",
        message.len()
    );
    assert!(
        message.chars().all(|c| (' '..='~').contains(&c)),
        "{message:?}"
    );
    assert!(!message.contains(KEY), "{message}");
    assert!(!message.is_empty());
}
