//! Mistakes of operators.

use std::fs;
use std::process::Stdio;

use http::Response;
use http::header::DATE;
use meraki_mock::Scripted;

use super::{KEY, World, command, error, get, get_command, json, mv_clip};
use crate::support::{SERIAL, footage};

const REAL_KEY: &str = "0123456789abcdef0123456789abcdef01234567";

#[tokio::test]
async fn a_real_key_is_not_sent_to_a_base_url_that_was_left_over() {
    let world = World::new().await.set(KEY, REAL_KEY);
    for mode in ["environment", "placeholder", "injection"] {
        let output = get(&world, SERIAL, &["--key-mode", mode]).await;
        let words = error(&output);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(
            words.contains("MERAKI_BASE_URL") && words.contains("--allow-plain-http"),
            "{words}"
        );
        assert!(!words.contains(REAL_KEY), "{words}");
    }
    assert!(world.mock.requests().is_empty());
    // The mock does not know the key.
    let output = get(&world, SERIAL, &["--allow-plain-http"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", error(&output));
    assert_eq!(world.statuses(), [Some(401)]);
}

#[tokio::test]
async fn a_refused_key_is_reported_with_its_source() {
    let world = World::new().await.set(KEY, "mock-wrong-5ec2e7");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, "mock-wrong-5ec2e7").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let out = folder.path().join("out");
    let (name, out) = (file.to_str().unwrap(), out.to_str().unwrap());
    let from_variable = "note: the API key is from the variable MERAKI_DASHBOARD_API_KEY\n";
    let from_file = format!("note: the API key is from the file {name} (--key-file or ");
    let at = footage(SERIAL).start;
    let incident = [
        "incident",
        SERIAL,
        "Q2MV-MOCK-0004.1",
        "--at",
        &at,
        "--out",
        out,
    ];
    for (output, source) in [
        (get(&world, SERIAL, &[]).await, from_variable),
        (
            get(&world, SERIAL, &["--key-mode", "environment"]).await,
            from_variable,
        ),
        (get(&world, SERIAL, &["--key-file", name]).await, &from_file),
        (mv_clip(&world, &incident).await, from_variable),
        (mv_clip(&world, &["demo", SERIAL]).await, from_variable),
    ] {
        let words = error(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains("Check the key."), "{words}");
        assert_eq!(words.matches(source).count(), 1, "{words}");
        assert!(!words.contains("5ec2e7"), "{words}");
    }
    let output = get(&world.unset(KEY), SERIAL, &["--key-mode", "environment"]).await;
    assert!(
        error(&output).contains("note: there is no API key: set "),
        "{}",
        error(&output)
    );
}

#[tokio::test]
async fn a_serial_that_no_camera_has_creates_no_folder() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let at = footage(SERIAL).start;
    for command in ["incident", "coverage"] {
        let cameras = [SERIAL, "BADSERIAL"];
        let options = ["--at", &at, "--out", out.to_str().unwrap()];
        let output = mv_clip(&world, &[&[command], &cameras[..], &options].concat()).await;
        let words = error(&output);
        assert_eq!(output.status.code(), Some(2), "{command}: {words}");
        assert!(words.contains("BADSERIAL"), "{command}: {words}");
        assert!(!out.exists(), "{command}");
    }
    assert!(world.mock.requests().is_empty());
}

#[tokio::test]
async fn a_misspelt_variable_is_an_error_that_names_the_nearest() {
    let world = World::new().await;
    for (name, nearest) in [
        ("MV_CLIP_DEADLINE_SECOND", "MV_CLIP_DEADLINE_SECONDS"),
        ("MERAKI_DASHBOARD_APIKEY", "MERAKI_DASHBOARD_API_KEY"),
    ] {
        let output = get_command(&world, SERIAL, &["--json"])
            .env(name, "5ec2e7")
            .output();
        let output = output.await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        let found = &json(&output)["error"];
        assert_eq!(found["case"], "usage");
        let message = found["message"].as_str().unwrap();
        assert!(
            message.contains(name) && message.contains(nearest),
            "{message}"
        );
        assert!(!message.contains("5ec2e7"), "{message}");
    }
    let mut unknown = get_command(&world, SERIAL, &[]);
    let output = unknown.env("MV_CLIP_FOO", "x").output().await.unwrap();
    let words = error(&output);
    assert!(words.contains("docs/SETTINGS.md and --help"), "{words}");
    assert!(!words.contains("nearest"), "{words}");
    let mut other = get_command(&world, SERIAL, &[]);
    let output = other
        .env("MERAKI_PYTHON_SDK_CALLER", "x")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
}

#[tokio::test]
async fn a_wrong_clock_is_reported_when_a_call_fails() {
    let world = World::new().await;
    let dated = |date: &str| {
        let reply = Response::builder().status(400).header(DATE, date);
        Scripted::from(
            reply
                .body(r#"{"errors":["No video for specified timestamp"]}"#.as_bytes())
                .unwrap(),
        )
    };
    world.mock.script([dated("Thu, 12 Mar 2015 14:30:00 GMT")]);
    let output = get(&world, SERIAL, &[]).await;
    let words = error(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(
        words.contains("this machine's clock is more than a year ahead of the server's"),
        "{words}"
    );
    // The clocks agree.
    let output = get(&world, "Q2XX-NONE-0000", &[]).await;
    assert!(!error(&output).contains("clock"), "{}", error(&output));
    // No request was sent.
    let future = [
        "get",
        SERIAL,
        "--start",
        "2098-01-01T00:00:00Z",
        "--end",
        "2098-01-01T00:00:10Z",
    ];
    let output = mv_clip(&world, &future).await;
    let words = error(&output);
    assert_eq!(output.status.code(), Some(75), "{words}");
    assert!(words.contains("this machine's clock says 20"), "{words}");
    assert!(words.contains("Try again in more than a year."), "{words}");
}

#[tokio::test]
async fn wrong_usage_is_json_if_json_was_asked_for() {
    let world = World::new().await;
    for arguments in [
        &["get", SERIAL, "--json"][..],
        &["verify", "--json"],
        &["nothing", "--json"],
    ] {
        let output = mv_clip(&world, arguments).await;
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(json(&output)["error"]["case"], "usage");
        assert_eq!(error(&output), "");
    }
    let output = mv_clip(&world, &["get", SERIAL, "--", "--json"]).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}

#[tokio::test]
async fn the_mock_serves_only_clips() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let text = folder.path().join("text");
    fs::write(&text, "root:x:0:0").unwrap();
    for (clip, expected) in [
        ("/dev/zero", "not a regular file"),
        (text.to_str().unwrap(), "cannot use the clip"),
        ("/", "not a regular file"),
    ] {
        let output = mv_clip(&world, &["mock", "--listen", "127.0.0.1:0", "--clip", clip]).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(error(&output).contains(expected), "{}", error(&output));
    }
}

/// The commands that the mock prints for this serial number have it as one argument.
#[tokio::test]
async fn a_serial_number_with_quotes_is_quoted() {
    let serial = r#"a'b"c$(touch x)`d"#;
    let world = World::new().await;
    let mut mock = command(
        &world,
        &[
            "mock",
            "--listen",
            "127.0.0.1:0",
            "--serial",
            serial,
            "--until-stdin-closes",
        ],
    );
    let mock = mock.stdin(Stdio::null()).output().await.unwrap();
    let printed = String::from_utf8(mock.stdout).unwrap();
    let script = printed.lines().map(str::trim).filter(|line| {
        ["mv-clip get", "python -c", "curl "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let mut found = 0;
    for line in script {
        // The rest of curl's command is on the next line.
        let (_, after) = printed.split_once(line).unwrap();
        let line = match line.strip_suffix('\\') {
            Some(first) => format!("{first} {}", after.lines().nth(1).unwrap().trim()),
            None => line.to_owned(),
        };
        let words = shlex::split(&line).unwrap_or_else(|| panic!("{line}"));
        let python = serde_json::Value::from(serial).to_string();
        assert!(
            words
                .iter()
                .any(|word| word.contains(serial) || word.contains(&python)),
            "{words:?}"
        );
        found += 1;
    }
    assert_eq!(found, 3, "{printed}");
}
