//! Obelisk, a durable workflow engine: one node, and two on one PostgreSQL.

mod cluster;
mod cpu;
mod node;
mod postgres;
mod power_cut;
mod scale;
mod store;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::{About, Answer, Call, Host, size};
use crate::apt;
use crate::cargo_tool::CargoProgram;
use crate::process;
use crate::step::Tool;
use crate::workspace::Workspace;
use node::Node;

pub(crate) use scale::measure;

const FOLDER: &str = "examples/obelisk";

const OBELISK: CargoProgram = CargoProgram {
    package: "obelisk",
    version: "0.38.3",
    features: "",
};

/// What a person types to have one clip.
const SUBMIT: &str = r#"obelisk execution submit --follow meraki-mv:clips/clips@0.1.0.get-clip '["SERIAL", "START", "END"]'"#;

/// What the workflow needs, and a call of the component alone does not.
const UNUSED: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "PGHOST",
    "PGPASSWORD",
    "PGUSER",
    "S3_BUCKET",
];

/// What the example runs on.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    obelisk: PathBuf,
    s3s: PathBuf,
    /// The folder of the server's programs.
    postgres: PathBuf,
}

/// Finds or compiles Obelisk and the store, finds or installs PostgreSQL, and builds the example.
///
/// # Errors
///
/// Something does not compile.
pub(crate) fn tools(workspace: &Workspace) -> Result<Tool<Tools>> {
    let postgres = match postgres::install(workspace) {
        Tool::Ready(programs) => programs,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    if OBELISK.find(workspace).is_none() && which::which("protoc").is_err() {
        let packages = ["protobuf-compiler", "libprotobuf-dev"];
        if let Err(error) = apt::install(workspace, &packages) {
            let why = format!("Obelisk does not compile without protoc: {error:#}");
            return Ok(Tool::Unavailable(why));
        }
    }
    let obelisk = match OBELISK.install(workspace) {
        Tool::Ready(program) => program,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let s3s = match store::S3S.install(workspace) {
        Tool::Ready(program) => program,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let mut cargo = workspace.cargo(["build", "--release", "--target", "wasm32-wasip2"]);
    process::run(cargo.current_dir(workspace.root().join(FOLDER)))?;
    Ok(Tool::Ready(Tools {
        obelisk,
        s3s,
        postgres,
    }))
}

pub(super) fn install(workspace: &Workspace) -> Result<Tool<Host>> {
    let tools = match tools(workspace)? {
        Tool::Ready(tools) => tools,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let folder = workspace.root().join(FOLDER);
    let built = folder.join("target/wasm32-wasip2/release");
    let mut deployed = size(&workspace.component())?;
    for file in ["deployment.toml", "turns.sh"] {
        deployed += size(&folder.join(file))?;
    }
    for component in ["destination.wasm", "workflow.wasm"] {
        deployed += size(&built.join(component))?;
    }
    let (workspace, same) = (workspace.clone(), workspace.clone());
    let obelisk = tools.obelisk.clone();
    Ok(Tool::Ready(Host {
        about: About {
            name: "Obelisk",
            folder: "obelisk",
            version: OBELISK.version.to_owned(),
            shown: SUBMIT,
            deployed,
        },
        get_clip: Box::new(move |call| get_clip(&workspace, &obelisk, call)),
        also: Some(Box::new(move |_| power_cut::check(&same, &tools))),
    }))
}

/// Starts a node on SQLite, asks it for a clip, and ends it.
fn get_clip(workspace: &Workspace, obelisk: &Path, call: &Call<'_>) -> Result<Answer> {
    let database = tempfile::tempdir_in(call.folder).context("cannot make a folder")?;
    let config = format!(
        "webui.enabled = false\n\
         external.enabled = false\n\
         database.sqlite.directory = {}",
        node::toml(database.path())
    );
    let mut environment = cluster::environment(call.base_url);
    environment.push(("S3_ENDPOINT", "http://127.0.0.1".to_owned()));
    // Asked for when the node starts, and not used.
    environment.extend(UNUSED.map(|name| (name, String::new())));
    let deployment = workspace.root().join(FOLDER).join("deployment.toml");
    let node = Node::start(
        workspace,
        obelisk,
        database.path(),
        &config,
        Some(&deployment),
        &environment,
    )?;
    let arguments = json!(call.window.arguments());
    let mut submit = node.submit("meraki-mv:clips/clips@0.1.0.get-clip", &arguments);
    let output = submit.arg("--follow").output();
    Ok(Answer::of(&output.context("obelisk does not start")?))
}
