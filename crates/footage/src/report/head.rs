//! The head of the page: its style and its script, and the policy that allows these and nothing else.

use data_encoding::BASE64;
use maud::{Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("report.css");
pub(super) const SCRIPT: &str = include_str!("report.js");

pub(super) const TITLE: &str = "Recorded footage";

/// `places` are the rules that say where the bars of this page are.
pub(super) fn head(places: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta http-equiv="Content-Security-Policy" content=(policy(places));
            title { (TITLE) }
            style { (PreEscaped(STYLE)) }
            style { (PreEscaped(places)) }
        }
    }
}

/// The page loads only the clips in its folder. It runs one script and has two styles, which are known by their hashes.
fn policy(places: &str) -> String {
    let [script, style, places] = [SCRIPT, STYLE, places].map(hash);
    format!(
        "default-src 'none'; script-src {script}; style-src {style} {places}; media-src 'self' file:; \
         base-uri 'none'; form-action 'none'"
    )
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)))
}
