//! Hides a secret in foreign bytes.

use std::hint::black_box;

/// Replaces each occurrence of `secret` with asterisks, upper and lower case alike. The length stays the same.
///
/// Occurrences may overlap: all of their bytes are replaced. What happens, and how long it takes, depends on the secret
/// only where all of it matched: otherwise somebody who can choose the bytes could guess the secret letter by letter.
pub fn hide(bytes: &mut [u8], secret: &[u8]) {
    if secret.is_empty() {
        return;
    }
    let windows = bytes.windows(secret.len()).enumerate();
    let found: Vec<usize> = windows
        .filter(|(_, window)| are_equal(window, secret))
        .map(|(start, _)| start)
        .collect();
    for start in found {
        let covered = bytes.iter_mut().skip(start).take(secret.len());
        covered.for_each(|byte| *byte = b'*');
    }
}

/// Compares all bytes, also after the first that differ.
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    let pairs = one.iter().zip(other);
    let difference = pairs.fold(0, |difference, (one, other)| {
        difference | (one.to_ascii_lowercase() ^ other.to_ascii_lowercase())
    });
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hidden(text: &str, secret: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        hide(&mut bytes, secret.as_bytes());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_the_whole_secret_is_replaced() {
        for (text, expected) in [
            ("", ""),
            ("abab-key", "********"),
            ("Bearer abab-key", "Bearer ********"),
            ("ABAB-Key", "********"),
            ("abab-ke", "abab-ke"),
            ("bab-key", "bab-key"),
            ("abab-kex abab-key.", "abab-kex ********."),
            ("ababab-key", "ab********"),
            ("abab-keyabab-key", "****************"),
        ] {
            assert_eq!(hidden(text, "abab-key"), expected);
        }
    }

    #[test]
    fn occurrences_that_overlap_are_replaced_as_a_whole() {
        assert_eq!(hidden("xabababy", "abab"), "x******y");
        assert_eq!(hidden("aaaaa", "aaa"), "*****");
        assert_eq!(hidden("any", ""), "any");
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        let mut bytes = b"\xff\x00key\xfe".to_vec();
        hide(&mut bytes, b"key");
        assert_eq!(bytes, b"\xff\x00***\xfe");
    }

    proptest! {
        /// Two secrets of the same length, in the same places of the same text, give the same result.
        #[test]
        fn the_result_does_not_depend_on_the_secret(
            pieces in prop::collection::vec(
                prop_oneof![Just(None), "[0-9x]{0,6}".prop_map(Some)], 0..12),
        ) {
            let with = |secret: &str| {
                let piece = |piece: &Option<String>| piece.clone().unwrap_or(secret.to_owned());
                hidden(&pieces.iter().map(piece).collect::<String>(), secret)
            };
            // Neither is in the pieces, nor begins as it ends.
            prop_assert_eq!(with("01234a"), with("xx001b"));
        }
    }
}
