//! Node.js, with the JavaScript that jco makes of the component.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{About, Host, UNKNOWN, process_per_clip, size};
use crate::mock::{KEY, Mock};
use crate::npm::{self, Packages};
use crate::process;
use crate::programs::NPM;
use crate::step::Tool;
use crate::workspace::Workspace;

const FOLDER: &str = "examples/node";

const PACKAGES: Packages = Packages {
    folder: FOLDER,
    asked_for: "@bytecodealliance/jco",
};

pub(super) fn install(workspace: &Workspace) -> Result<Tool<Host>> {
    let node = match npm::install(&PACKAGES, workspace)? {
        Tool::Ready(node) => node,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let folder = workspace.root().join(FOLDER);
    fs::copy(workspace.component(), folder.join("mv-clip.wasm"))
        .context("cannot copy the component")?;
    let npm = NPM
        .find()
        .context("npm was removed while it was looked for")?;
    for script in ["transpile", "build"] {
        let mut npm = workspace.command(&npm, ["--silent", "run", script, "--prefix"]);
        process::run(npm.arg(&folder))?;
    }
    let version = process::read(&mut workspace.command(&node, ["--version"]))?;
    let script = folder.join("get-clip.js");
    let deployed = size(&folder.join("mv-clip"))? + size(&script)?;
    let webhook = Webhook {
        node: node.clone(),
        folder,
    };
    Ok(Tool::Ready(Host {
        about: About {
            name: "Node.js",
            folder: "node",
            version: version.trim_start_matches('v').to_owned(),
            shown: "node get-clip.js SERIAL START END",
            deployed,
        },
        get_clip: process_per_clip(move |window| {
            let mut command = Command::new(&node);
            command.arg(&script).args(window.arguments());
            command
        }),
        also: Some(Box::new(move |mock| webhook.check(mock))),
    }))
}

/// The script that answers motion alerts.
struct Webhook {
    node: PathBuf,
    folder: PathBuf,
}

const SECRET: (&str, &str) = ("WEBHOOK_SHARED_SECRET", "a-secret-of-the-webhook");

impl Webhook {
    /// Sends it alerts: a good one, one of a camera that is not known, and one with another secret.
    fn check(&self, mock: &Mock) -> Result<()> {
        let mut server = self.script("webhook.js");
        let settings = [
            ("MERAKI_BASE_URL", mock.base_url()),
            ("MERAKI_DASHBOARD_API_KEY", KEY),
        ];
        let mut server = process::start(server.envs(settings).envs([SECRET, ("PORT", "0")]))?;
        let output = server
            .0
            .stdout
            .as_mut()
            .context("its output was not kept")?;
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .context("the webhook says nothing")?;
        let url = line.trim().rsplit(' ').next().unwrap_or_default();

        let alert = |serial: &str, secret: &str| {
            let mut alert = self.script("alert.mjs");
            process::read(alert.args([url, serial]).env(SECRET.0, secret))
        };
        let expect = |answer: String, status: &str, word: &str| {
            ensure!(
                answer.starts_with(status) && answer.contains(word),
                "{status} and {word} are due, and the webhook answered: {answer}"
            );
            Ok(())
        };
        expect(alert(mock.serial()?, SECRET.1)?, "200", "/media/")?;
        expect(alert(UNKNOWN, SECRET.1)?, "422", "not-found")?;
        expect(alert(mock.serial()?, "another")?, "401", "shared secret")
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(self.folder.join(name));
        command
    }
}
