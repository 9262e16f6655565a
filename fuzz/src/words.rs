//! What holds for every message.

/// The API key of every call that is made here.
pub(crate) const KEY: &str = "k3y-0f-s0mebody";

/// What stands in the URLs of clips, and makes them secret.
pub(crate) const TOKEN: &str = "t0ken-of-a-clip";

/// Our own words, and up to three foreign texts of 120 characters, each escaped.
const LONGEST: usize = 4_600;

/// A message is short, printable, and without the key.
#[track_caller]
pub(crate) fn assert_fit(message: &str) {
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
