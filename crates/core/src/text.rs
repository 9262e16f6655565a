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

/// What a body says in a line: the code and the message of an object store's XML, or else the first line
/// that says something, which XML's declaration does not.
pub(crate) fn words(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (content, _) = rest.split_once('<')?;
        content.trim().lines().next()
    };
    if let Some(code) = element("Code") {
        return Some(match element("Message") {
            Some(message) => format!("{code}: {message}"),
            None => code.to_owned(),
        });
    }
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(|line| {
        match line.trim().strip_prefix("<?xml") {
            Some(declaration) => declaration
                .split_once("?>")
                .map_or("", |(_, rest)| rest.trim()),
            None => line.trim(),
        }
    });
    lines.find(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_a_line() {
        for (body, line) in [
            ("Access denied\nfor ever", Some("Access denied")),
            ("\r\n  \r\n late \r\n", Some("late")),
            (
                "<?xml version=\"1.0\"?>\n<Error>\n <Code>Denied</Code>\n <Message>No.\nId: 7</Message></Error>",
                Some("Denied: No."),
            ),
            ("<Error><Code>Denied</Code></Error>", Some("Denied")),
            ("<Error><Code>cut", Some("<Error><Code>cut")),
            ("<?xml version=\"1.0\"?><Error/>", Some("<Error/>")),
            ("\u{feff}<?xml version=\"1.0\"?><Error/>", Some("<Error/>")),
            ("<?xml cut off", None),
            (" \n ", None),
            ("", None),
        ] {
            assert_eq!(words(body.as_bytes()).as_deref(), line, "{body:?}");
        }
        assert_eq!(words(b"\xff\xfe").as_deref(), Some("\u{fffd}\u{fffd}"));
    }

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
