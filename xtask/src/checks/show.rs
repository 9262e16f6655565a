//! The component at work: with the harness, beside others' clients, in other hosts.

use anyhow::Result;

use super::with_tool;
use crate::examples::{self, Example, obelisk};
use crate::programs;
use crate::report;
use crate::sdk;
use crate::step::{Runner, Step, Tool};
use crate::workspace::Workspace;

/// Gets one clip with the component: from the camera `serial`, or from a mock.
///
/// # Errors
///
/// The harness does not build, or there is no clip.
pub(crate) fn demo(runner: &mut Runner, workspace: &Workspace, serial: Option<&str>) -> Result<()> {
    let mut command = workspace.cargo(["run", "--package", "mv-clip-cli", "--", "demo"]);
    command
        .args(serial)
        .arg("--component")
        .arg(workspace.component());
    runner.run(Step {
        name: "demo",
        reason: "one clip, end to end (the first time wasmtime is compiled, which takes minutes)",
        command,
    })
}

/// Gets a clip from the mock with Meraki's official SDK; skipped where that cannot be had.
///
/// # Errors
///
/// The SDK cannot be installed, or does not get what it should.
pub(crate) fn sdk(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "sdk"]),
    };
    with_tool(
        runner,
        step("sdk-setup", "Meraki's official SDK for Python"),
        || sdk::install(workspace),
        step("sdk", "the SDK, unchanged, gets a clip from the mock"),
        |python| sdk::check(workspace, python),
    )
}

/// Saves a clip from the mock with the component and plays its report in headless Chromium; skipped
/// where that cannot be had.
///
/// # Errors
///
/// What drives the browser cannot be installed, or the clip cannot be saved or does not play.
pub(crate) fn report(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "report"]),
    };
    with_tool(
        runner,
        step("report-setup", "playwright-core, which drives Chromium"),
        || report::install(workspace),
        step("report", "headless Chromium plays the report of a clip"),
        |browser| report::check(workspace, browser),
    )
}

/// Runs the component in each of the `chosen` hosts against a mock; those that cannot be had are skipped.
///
/// # Errors
///
/// A host cannot be installed, or the component does not do there what it should.
pub(crate) fn examples(
    runner: &mut Runner,
    workspace: &Workspace,
    chosen: &[&'static Example],
) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "examples", name]),
    };
    let mock = runner.work(
        step("examples-mock", "the API that they are run against"),
        |_| examples::mock(workspace),
    )?;
    let mut rows = Vec::new();
    for example in chosen {
        let row =
            runner.work(
                step(example.name, "the component in another host"),
                |_| match (example.install)(workspace)? {
                    Tool::Ready(host) => examples::check(workspace, &mock, host).map(Tool::Ready),
                    Tool::Unavailable(why) => Ok(Tool::Unavailable(why)),
                },
            )?;
        match row {
            Tool::Ready(row) => rows.push(row),
            Tool::Unavailable(why) => runner.skip(example.name, &why),
        }
    }
    eprintln!("\n{}", examples::Report::new(&rows, workspace)?);
    Ok(())
}

/// Sees how many clips nodes of Obelisk carry; skipped where they cannot be had.
///
/// # Errors
///
/// Obelisk does not compile, or an execution does not finish.
pub(crate) fn scale(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "scale"]),
    };
    with_tool(
        runner,
        step("scale-setup", "Obelisk, PostgreSQL and a store"),
        || obelisk::tools(workspace),
        step("scale", "nodes as fast as they go"),
        |tools| {
            eprintln!("\n{}", obelisk::measure(workspace, tools)?);
            Ok(())
        },
    )
}

/// Installs the programs of others that the tests of saved footage use, where apt-get may; skipped
/// elsewhere.
pub(crate) fn programs(runner: &mut Runner, workspace: &Workspace) {
    let reason = "ffmpeg, Chromium and skopeo, for the tests of saved footage and of artifacts";
    runner.attempt("programs", reason, || programs::install(workspace));
}
