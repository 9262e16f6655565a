//! Foreign text made fit for a message: one line, printable, short.

/// How much of a foreign text a message carries, in characters.
const LONGEST: usize = 120;

/// The text as a message may show it: ASCII with everything else escaped, and cut after
/// 120 characters.
pub(crate) fn printable(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown = String::new();
    for character in characters.by_ref().take(LONGEST) {
        match character {
            '"' | '\'' => shown.push(character),
            _ => shown.extend(character.escape_default()),
        }
    }
    if characters.next().is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_and_controls_are_escaped() {
        assert_eq!(
            printable("a\r\nb\u{1b}[2J\u{202e}"),
            r"a\r\nb\u{1b}[2J\u{202e}"
        );
    }

    #[test]
    fn quotes_stay_as_they_are() {
        assert_eq!(printable("it's \"so\""), "it's \"so\"");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(
            printable(&"x".repeat(121)),
            format!("{}...", "x".repeat(120))
        );
        assert_eq!(printable(&"\n".repeat(120)), r"\n".repeat(120));
    }
}
