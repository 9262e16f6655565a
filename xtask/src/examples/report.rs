//! What the README shows of the examples.

use std::fmt;

use super::{About, Row};

/// The tables of the README.
pub(crate) struct Report<'a>(pub(crate) &'a [Row]);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| host | version | command | result | deployed | start to clip |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for row in self.0 {
            let About {
                name,
                folder,
                version,
                shown,
                deployed,
            } = &row.about;
            let kilobytes = (deployed + 500) / 1000;
            let result = row.result;
            let milliseconds = row.cold.as_millis();
            writeln!(
                f,
                "| [{name}](examples/{folder}) | {version} | `{shown}` | {result} | {kilobytes} KB | {milliseconds} ms |"
            )?;
        }
        writeln!(f, "\nA camera that is not known (404):")?;
        for row in self.0 {
            let (name, not_found) = (row.about.name, &row.not_found);
            writeln!(f, "\n{name}:\n\n```text\n{not_found}\n```")?;
        }
        Ok(())
    }
}
