//! Hides a secret in foreign bytes.

use std::hint::black_box;

/// Replaces each occurrence of `secret` with asterisks, upper and lower case alike. The length stays the same.
///
/// Occurrences may overlap: all of their bytes are replaced. What happens, and how long it takes, depends on the secret
/// only where all of it matched: otherwise somebody who can choose the bytes could guess the secret letter by letter.
pub fn hide(bytes: &mut [u8], secret: &[u8]) {
    for start in starts(bytes, secret) {
        let covered = bytes.iter_mut().skip(start).take(secret.len());
        covered.for_each(|byte| *byte = b'*');
    }
}

/// How many places are compared at once.
const BLOCK: usize = 1_024;

/// Where the secret is. At every place this compares all letters, also after the first that differs.
fn starts(bytes: &[u8], secret: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let Some(after) = secret.len().checked_sub(1) else {
        return found;
    };
    let places = bytes.len().saturating_sub(after);
    let mut text = Vec::with_capacity(BLOCK + after);
    for first in (0..places).step_by(BLOCK) {
        let block = bytes.iter().skip(first).take(BLOCK + after);
        text.clear();
        text.extend(block.map(u8::to_ascii_lowercase));
        // Letter by letter for all places, because the compiler makes vectors of that.
        let mut differences = [0; BLOCK];
        for (index, letter) in secret.iter().map(u8::to_ascii_lowercase).enumerate() {
            let letters = text.get(index..).unwrap_or_default();
            for (difference, other) in differences.iter_mut().zip(letters) {
                *difference |= other ^ letter;
            }
        }
        let differences = black_box(&differences).iter().enumerate();
        let equal = differences.filter(|(_, difference)| **difference == 0);
        let equal = equal.map(|(index, _)| first + index);
        found.extend(equal.take_while(|start| *start < places));
    }
    found
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
    fn the_secret_is_found_in_and_across_all_blocks() {
        for before in (0..3 * BLOCK).filter(|at| (at + 10) % BLOCK < 20 || at % 97 == 0) {
            for after in [0, 1, BLOCK] {
                let text = |secret: &str| "k".repeat(before) + secret + &"k".repeat(after);
                assert_eq!(hidden(&text("KEY-key"), "key-key"), text("*******"));
            }
        }
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
