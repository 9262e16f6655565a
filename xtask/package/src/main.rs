//! Makes the artifacts that are published: `xtask-package COMPONENTS ARTIFACTS`. Both are folders. Run it in the root of
//! the workspace.
//!
//! The format is the [Wasm OCI artifact layout] of the CNCF, which wkg, wasmCloud, Spin and containerd read: a config
//! with the component's imports and exports, and the file as the only layer. Readers refuse a second layer, so the bill of
//! materials is a separate artifact that refers to the first.
//!
//! [Wasm OCI artifact layout]: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/

#![forbid(unsafe_code)]

mod artifact;
mod contract;
mod sbom;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Utc};
use wasm_metadata::Payload;

use crate::artifact::Artifact;
use crate::contract::Contract;

/// The components: file and world.
const COMPONENTS: [(&str, &str); 2] = [("mv-clip", "clip-plugin"), ("mv-clip-clips", "clips-only")];

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        bail!("usage: xtask-package COMPONENTS ARTIFACTS")
    };
    let (from, to) = (Path::new(from), Path::new(to));
    let contract = Contract::read(Path::new("wit"))?;
    let created = created()?;
    let mut last = None;
    for (name, world) in COMPONENTS {
        let file = from.join(format!("{name}.wasm"));
        let wasm = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let sbom = sbom::of(name, &wasm)?;
        fs::write(file.with_extension("cdx.json"), &sbom)?;
        last = Some(Payload::from_binary(&wasm)?);
        let target = Some(contract.package()?.name.interface_id(world));
        Artifact {
            name,
            wasm,
            target,
            sbom: Some(sbom),
            created,
        }
        .write(to)?;
    }
    let component = last.context("there is no component")?;
    let wasm = contract.encode(component.metadata())?;
    Artifact {
        name: &contract.package()?.name.name,
        wasm,
        target: None,
        sbom: None,
        created,
    }
    .write(to)
}

/// The time stamp of the artifacts: that of the commit, or [`SOURCE_DATE_EPOCH`]. So the same source gives the same bytes.
///
/// [`SOURCE_DATE_EPOCH`]: https://reproducible-builds.org/specs/source-date-epoch/
fn created() -> Result<DateTime<Utc>> {
    let seconds = env::var("SOURCE_DATE_EPOCH").or_else(|_| {
        let git = Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .output()?;
        ensure!(
            git.status.success(),
            "there is no git commit; set SOURCE_DATE_EPOCH"
        );
        Ok(String::from_utf8(git.stdout)?)
    })?;
    let instant = seconds.trim().parse().ok();
    let instant = instant.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    instant.with_context(|| format!("`{seconds}` is not a time in seconds since 1970"))
}
