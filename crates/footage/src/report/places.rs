//! Where bars are on the time lines, as rules of a style sheet: the page's policy allows no style in an element.

use std::fmt::Write as _;

/// The rules so far.
#[derive(Default)]
pub(super) struct Places {
    rules: String,
    count: usize,
}

impl Places {
    /// The class of what starts here, in percent.
    pub(super) fn at(&mut self, left: f64) -> String {
        self.add(&format!("left:{left:.3}%"))
    }

    /// The class of what lies between these, in percent.
    pub(super) fn between(&mut self, left: f64, right: f64) -> String {
        self.add(&format!("left:{left:.3}%;width:{:.3}%", right - left))
    }

    pub(super) fn rules(&self) -> &str {
        &self.rules
    }

    fn add(&mut self, rule: &str) -> String {
        let class = format!("p{}", self.count);
        self.count += 1;
        // Writing to a string never fails.
        let _ = write!(self.rules, ".{class}{{{rule}}}");
        class
    }
}
