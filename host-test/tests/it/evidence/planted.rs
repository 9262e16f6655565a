//! Folders that somebody prepared: R2 and R13.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;
use tokio::time::timeout;

use super::command::{ago, run, words};
use super::{folder, names};
use crate::support::{SERIAL, World};

const PRECIOUS: &str = "export PATH=/usr/bin\n";

/// Puts something in the place of a file. The file beside the folder must stay as it is.
type Plant = fn(&Path, &Path);

const PLANTS: [(&str, Plant); 5] = [
    ("link", |place, other| symlink(other, place).unwrap()),
    ("dangling link", |place, other| {
        symlink(other.with_extension("new"), place).unwrap();
    }),
    ("hard link", |place, other| {
        fs::hard_link(other, place).unwrap()
    }),
    ("pipe", |place, _| mkfifo(place, Mode::S_IRWXU).unwrap()),
    ("folder", |place, _| fs::create_dir(place).unwrap()),
];

#[tokio::test]
async fn nothing_outside_the_folder_is_read_or_written() {
    let world = World::new().await;
    let (place, at) = (folder(), ago(20));
    let model = place.path().join("model");
    let arguments = |out: &Path| -> Vec<String> {
        let out = out.to_str().unwrap();
        ["incident", SERIAL, "--at", &at, "--out", out]
            .map(str::to_owned)
            .to_vec()
    };
    let run = async |arguments: Vec<String>| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        // A pipe would be waited for without end.
        let output = timeout(Duration::from_secs(300), run(&world, &arguments));
        output.await.expect("the command ends")
    };
    assert_eq!(run(arguments(&model)).await.status.code(), Some(0));
    let made = names(&model);
    assert!(made.len() >= 4, "{made:?}");
    let parts = made.iter().map(|name| format!("{name}.part"));
    let others = [
        "log.jsonl.lock",
        "manifest.json.new.part",
        "manifest.json.part.new.part",
    ];
    let planted = made.iter().cloned().chain(parts);
    for name in planted.chain(others.map(str::to_owned)) {
        for (kind, plant) in PLANTS {
            let case = format!("a {kind} as {name}");
            let place = folder();
            let (out, precious) = (place.path().join("out"), place.path().join("precious"));
            fs::create_dir(&out).unwrap();
            fs::write(&precious, PRECIOUS).unwrap();
            plant(&out.join(&name), &precious);
            let output = run(arguments(&out)).await;
            assert!(
                matches!(output.status.code(), Some(0 | 1)),
                "{case}: {output:?}"
            );
            assert_eq!(fs::read_to_string(&precious).unwrap(), PRECIOUS, "{case}");
            assert!(!precious.with_extension("new").exists(), "{case}");
            let verify = vec!["verify".to_owned(), out.to_str().unwrap().to_owned()];
            let verified = run(verify).await;
            let ends = matches!(verified.status.code(), Some(0 | 1));
            assert!(ends, "{case}: {verified:?}");
            assert_eq!(fs::read_to_string(&precious).unwrap(), PRECIOUS, "{case}");
        }
    }
}

#[tokio::test]
async fn names_in_an_old_manifest_are_not_trusted() {
    let (world, at) = (World::new().await, ago(20));
    let made = folder();
    let out = made.path().to_str().unwrap();
    run(&world, &["incident", SERIAL, "--at", &at, "--out", out]).await;
    let manifest = fs::read(made.path().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for name in [
        "/dev/zero",
        "../precious",
        "javascript:alert(1)",
        "\u{1b}[2J",
    ] {
        let folder = folder();
        let out = folder.path().to_str().unwrap();
        let mut manifest = manifest.clone();
        manifest["files"][0]["name"] = name.into();
        fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
        for arguments in [
            &["verify", out][..],
            &["incident", SERIAL, "--at", &at, "--out", out],
        ] {
            let output = run(&world, arguments).await;
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            let error = words(&output.stderr);
            assert!(error.contains("named after its footage"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
        assert!(!folder.path().join("report.html").exists());
    }
}

#[tokio::test]
async fn nobody_else_can_read_the_footage() {
    let (world, place, at) = (World::new().await, folder(), ago(20));
    let out = place.path().join("out");
    let arguments = [
        "incident",
        SERIAL,
        "--at",
        &at,
        "--out",
        out.to_str().unwrap(),
    ];
    assert_eq!(run(&world, &arguments).await.status.code(), Some(0));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&out), 0o700);
    for name in names(&out) {
        assert_eq!(mode(&out.join(&name)), 0o600, "{name}");
    }
}
