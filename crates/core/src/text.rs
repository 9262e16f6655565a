//! Text from outside (servers, components, file names) made safe to show to a person.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

/// How much foreign text an excerpt holds, in characters.
const LONGEST: usize = 120;

/// Replaces every character that can steer a terminal or reorder text by U+FFFD: see [`is_printable`].
///
/// This is for one line: line breaks and tabs are replaced too.
///
/// ```
/// use mv_clip_core::text::printable;
///
/// assert_eq!(printable("Caf\u{e9}"), "Caf\u{e9}");
/// assert_eq!(printable("\u{1b}[2J\u{202e}4pm"), "\u{fffd}[2J\u{fffd}4pm");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return text.into();
    }
    let replace = |c| if is_printable(c) { c } else { '\u{fffd}' };
    text.chars().map(replace).collect()
}

/// Like [`printable`], but keeps line feeds: for text of several lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let is_kept = |c| c == '\n' || is_printable(c);
    if text.chars().all(is_kept) {
        return text.into();
    }
    let replace = |c| if is_kept(c) { c } else { '\u{fffd}' };
    text.chars().map(replace).collect()
}

/// Joins the messages of an error and its causes: `cannot read a.json: permission denied`.
///
/// Some errors repeat their cause in their own message: a cause that is already there is left out.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}

/// A duration in words, rounded up: `90 s`, `12 min`, `3 h`, `5 days`, `more than a year`.
///
/// ```
/// use std::time::Duration;
/// use mv_clip_core::text::duration;
///
/// assert_eq!(duration(Duration::from_secs(700)), "12 min");
/// ```
pub fn duration(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    if seconds < 2 * MINUTE {
        format!("{seconds} s")
    } else if seconds < 2 * HOUR {
        format!("{} min", seconds.div_ceil(MINUTE))
    } else if seconds < 2 * DAY {
        format!("{} h", seconds.div_ceil(HOUR))
    } else if seconds <= 365 * DAY {
        format!("{} days", seconds.div_ceil(DAY))
    } else {
        "more than a year".to_owned()
    }
}

/// Whether a character is visible text: `false` for control characters (C0, DEL and C1), line and paragraph
/// separators, the characters that set the direction of text, and other invisible ones, with which two names look
/// alike. The joiners U+200C and U+200D and the variation selectors are kept, because languages and emoji need them.
pub fn is_printable(c: char) -> bool {
    !matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Foreign text as part of a message: ASCII with everything else escaped, cut after 120 characters.
pub(crate) fn excerpt(text: &str) -> String {
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

/// Summarises a body in one line: the code and message of an object store's XML, or else the first line
/// that is neither empty nor an XML declaration.
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
    fn printable_replaces_controls_separators_and_bidirectional_characters() {
        let bad = "\0\t\n\r\u{7}\u{1b}\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\
                   \u{202e}\u{2066}\u{2069}\u{206f}";
        let expected = "\u{fffd}".repeat(bad.chars().count());
        assert_eq!(printable(bad), expected);
        assert!(bad.chars().all(|c| !is_printable(c)));
    }

    #[test]
    fn printable_keeps_text_of_all_languages() {
        let text = "a\u{a0}é 日本 \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{200c}\u{6cc} 👩\u{200d}🚒 \u{fffd}";
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn printable_lines_keeps_line_feeds() {
        assert_eq!(
            printable_lines("a\n\tb\r\n\u{1b}"),
            "a\n\u{fffd}b\u{fffd}\n\u{fffd}"
        );
        assert!(matches!(printable_lines("a\nb"), Cow::Borrowed("a\nb")));
    }

    #[derive(Debug)]
    struct Failure {
        message: &'static str,
        source: Option<Box<Self>>,
    }

    impl std::fmt::Display for Failure {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.message)
        }
    }

    impl Error for Failure {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            let source = self.source.as_deref()?;
            Some(source)
        }
    }

    #[test]
    fn an_error_chain_names_each_cause_once() {
        let chain = |messages: &[&'static str]| {
            let add = |source, &message: &&'static str| Some(Box::new(Failure { message, source }));
            let outermost = messages.iter().rev().fold(None, add).unwrap();
            error_chain(&*outermost)
        };
        assert_eq!(chain(&["no clip", "HTML page"]), "no clip: HTML page");
        assert_eq!(
            chain(&["no clip: HTML page", "HTML page"]),
            "no clip: HTML page"
        );
        assert_eq!(chain(&["a", "b", "b", "c"]), "a: b: c");
    }

    #[test]
    fn an_excerpt_escapes_line_breaks_and_controls() {
        assert_eq!(
            excerpt("a\r\nb\u{1b}[2J\u{202e}"),
            r"a\r\nb\u{1b}[2J\u{202e}"
        );
    }

    #[test]
    fn an_excerpt_keeps_quotes() {
        assert_eq!(excerpt("it's \"so\""), "it's \"so\"");
    }

    #[test]
    fn an_excerpt_cuts_long_text() {
        assert_eq!(excerpt(&"x".repeat(121)), format!("{}...", "x".repeat(120)));
        assert_eq!(excerpt(&"\n".repeat(120)), r"\n".repeat(120));
    }

    #[test]
    fn a_duration_is_in_words_that_a_person_can_use() {
        for (seconds, expected) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "120 min"),
            (7_200, "2 h"),
            (172_799, "48 h"),
            (172_800, "2 days"),
            (365 * 86_400, "365 days"),
            (u64::from(u32::MAX), "more than a year"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(duration(Duration::from_millis(1_001)), "2 s");
    }
}
