//! What the README shows of the examples.

use std::fmt;
use std::fs;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::{About, Row};
use crate::workspace::Workspace;

/// The table of the README, and what examples/README.md shows of errors.
pub(crate) struct Report<'a> {
    rows: &'a [Row],
    /// The SHA-256 of the component that all of them loaded.
    sha256: String,
}

impl<'a> Report<'a> {
    /// # Errors
    ///
    /// The component cannot be read.
    pub(crate) fn new(rows: &'a [Row], workspace: &Workspace) -> Result<Self> {
        let component = fs::read(workspace.component()).context("cannot read the component")?;
        let sha256 = hex::encode(Sha256::digest(component));
        Ok(Self { rows, sha256 })
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "mv-clip.wasm, SHA-256 {}, in each of them:\n",
            self.sha256
        )?;
        writeln!(
            f,
            "| host | version | command | result | deployed | start to clip |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for row in self.rows {
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
        for row in self.rows {
            let (name, not_found) = (row.about.name, &row.not_found);
            writeln!(f, "\n{name}:\n\n```text\n{not_found}\n```")?;
        }
        Ok(())
    }
}
