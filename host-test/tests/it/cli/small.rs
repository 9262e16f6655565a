//! A command is sized for its own calls.

use std::process::Output;

use meraki_mock::{Camera, MockConfig};
use tokio::process::Command;

use super::{World, arguments, command, error};
use crate::support::{SERIAL, footage};

/// Runs a command with 4 GB of address space and 64 descriptors, and an empty cache.
async fn run(world: &World, arguments: &[&str]) -> Output {
    limited(world, arguments, "ulimit -v 4000000; ulimit -n 64").await
}

/// Runs a command with these limits and an empty cache.
async fn limited(world: &World, arguments: &[&str], limits: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let program = command(world, arguments);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("{limits}; exec \"$@\""), "sh"])
        .arg(program.as_std().get_program())
        .args(program.as_std().get_args())
        .env_clear();
    let variables = program.as_std().get_envs();
    limited
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .env("MV_CLIP_CACHE", folder.path().join("cache"))
        .kill_on_drop(true);
    limited.output().await.unwrap()
}

#[tokio::test]
async fn a_clip_needs_neither_much_address_space_nor_many_descriptors() {
    let world = World::new().await;
    let window = footage(SERIAL);
    let get = arguments("get", &window);
    for arguments in [&get[..], &["demo"], &["inspect"]] {
        let output = run(&world, arguments).await;
        assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    }
}

#[tokio::test]
async fn an_incident_of_twenty_cameras_needs_few_descriptors() {
    let cameras: Vec<_> = (0..20).map(|n| format!("Q2MV-{n:04}-0000")).collect();
    let config = MockConfig::default()
        .cameras(cameras.iter().map(Camera::new).collect())
        .rate_limit(None);
    let world = World::with(config)
        .await
        .set("MV_CLIP_REQUESTS_PER_SECOND", "100");
    let (folder, at) = (tempfile::tempdir().unwrap(), footage(SERIAL).start);
    let options = ["--at", &at, "--out", folder.path().to_str().unwrap()];
    let cameras: Vec<_> = cameras.iter().map(String::as_str).collect();
    let output = run(&world, &[&["incident"], &cameras[..], &options].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
}

/// As with `ulimit -f`. The signal for it would end the command without a word.
#[tokio::test]
async fn a_file_that_may_not_grow_is_an_error_with_its_name() {
    let world = World::new().await;
    let (folder, at) = (tempfile::tempdir().unwrap(), footage(SERIAL).start);
    let out = folder.path().join("out");
    let arguments = [
        "incident",
        SERIAL,
        "--at",
        &at,
        "--out",
        out.to_str().unwrap(),
    ];
    let output = limited(&world, &arguments, "ulimit -f 64").await;
    let words = error(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(".ts.part: File too large"), "{words}");
}
