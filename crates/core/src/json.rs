//! Reads the members of a JSON response that matter. A member of another type counts as missing, and all others are
//! skipped.
//!
//! Written by hand: derived code has a message for each type mismatch, floating-point numbers included, which makes
//! the component nearly a quarter larger.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most elements of an array that are kept.
const MAX_ELEMENTS: usize = 3;

/// The members of a response's object.
#[derive(Default)]
pub(crate) struct Members {
    /// `url`, on success.
    pub(crate) url: Option<String>,
    /// `expiry`, on success: a sentence with a time in it.
    pub(crate) expiry: Option<String>,
    /// `errors`, otherwise: the text, or the strings among the first three elements. Of `error` and `message` too, in
    /// which proxies and gateways say why they refuse a request: the first member that has a text counts.
    pub(crate) errors: Vec<String>,
}

/// Parses a JSON object; none if the bytes are anything else.
pub(crate) fn members(bytes: &[u8]) -> Option<Members> {
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(members)) => Some(*members),
        _ => None,
    }
}

enum Json {
    Text(String),
    Array(Vec<Json>),
    Object(Box<Members>),
    Other,
}

impl Json {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn texts(self) -> Vec<String> {
        match self {
            Self::Array(elements) => elements.into_iter().filter_map(Self::text).collect(),
            Self::Text(text) => vec![text],
            _ => Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyType)
    }
}

struct AnyType;

impl<'de> Visitor<'de> for AnyType {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < MAX_ELEMENTS {
            match array.next_element()? {
                Some(element) => elements.push(element),
                None => return Ok(Json::Array(elements)),
            }
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut members = Box::<Members>::default();
        while let Some(name) = object.next_key::<String>()? {
            match name.as_str() {
                "url" => members.url = object.next_value::<Json>()?.text(),
                "expiry" => members.expiry = object.next_value::<Json>()?.text(),
                "errors" | "error" | "message" => {
                    let texts = object.next_value::<Json>()?.texts();
                    if members.errors.is_empty() {
                        members.errors = texts;
                    }
                }
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(json: &str) -> (Option<String>, Option<String>, Vec<String>) {
        let members = members(json.as_bytes()).unwrap_or_else(|| panic!("{json}"));
        (members.url, members.expiry, members.errors)
    }

    #[test]
    fn known_members_are_read() {
        let json = r#" {"x":{"url":"no"},"url":"https:\/\/h","expiry":"e","errors":["a","b"]} "#;
        let (url, expiry, errors) = read(json);
        assert_eq!(
            (url.as_deref(), expiry.as_deref()),
            (Some("https://h"), Some("e"))
        );
        assert_eq!(errors, ["a", "b"]);
    }

    #[test]
    fn members_of_other_types_count_as_missing() {
        for value in [
            "null",
            "true",
            "1",
            "-1",
            "1.5e300",
            "{}",
            "[]",
            "[[1]]",
            "{\"url\":\"x\"}",
        ] {
            let json = format!(r#"{{"url":{value},"expiry":{value},"errors":{value}}}"#);
            assert_eq!(read(&json), (None, None, vec![]), "{json}");
        }
    }

    #[test]
    fn three_errors_are_kept_of_many() {
        let json = format!(r#"{{"errors":["a",1,"c"{}]}}"#, r#","d""#.repeat(10_000));
        assert_eq!(read(&json).2, ["a", "c"]);
    }

    #[test]
    fn other_documents_are_none() {
        let deep = "[".repeat(100_000);
        for json in [
            "",
            "null",
            "7",
            "\"{}\"",
            "[]",
            "[{}]",
            "{",
            "{\"url\"}",
            "<html>",
            "{} {}",
            &deep,
        ] {
            assert!(members(json.as_bytes()).is_none(), "{json}");
        }
    }
}
