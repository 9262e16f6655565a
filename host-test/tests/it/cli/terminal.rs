//! What a person sees on a terminal.

use chrono::{SecondsFormat, TimeDelta, Utc};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;

use super::{SERIAL, World, command};
use crate::terminal;

#[tokio::test]
async fn a_command_says_until_when_it_waits_for_footage() {
    let world = World::new().await.set("MV_CLIP_DEADLINE_SECONDS", "86400");
    let world = world.set("MV_CLIP_LAG_SECONDS", "3600");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let now = Utc::now();
    let time = |seconds| now - TimeDelta::seconds(seconds);
    let text = |seconds| time(seconds).to_rfc3339_opts(SecondsFormat::Secs, true);
    let (start, end) = (text(20), text(10));
    let until = time(10) + TimeDelta::hours(1);
    let expected = format!("waiting until {}", until.format("%Y-%m-%dT%H:%M"));
    // The deadline only ends a test that fails.
    let get = [
        "get",
        SERIAL,
        "--start",
        &start,
        "--end",
        &end,
        "--deadline",
        "100",
    ];
    let incident = [
        "incident",
        SERIAL,
        "--at",
        &end,
        "--post",
        "0",
        "--out",
        out.to_str().unwrap(),
        "--deadline",
        "100",
    ];
    for arguments in [&get[..], &incident] {
        let program = command(&world, arguments);
        let line = format!("exec {}", terminal::line(&program));
        let Some(mut script) = terminal::script(&line, &program) else {
            return;
        };
        let mut child = script.spawn().unwrap();
        let printed = printed_until(child.stdout.as_mut().unwrap(), &expected).await;
        assert!(printed.contains(&expected), "{printed}");
        // The terminal sends SIGINT.
        let input = child.stdin.as_mut().unwrap();
        tokio::io::AsyncWriteExt::write_all(input, b"\x03")
            .await
            .unwrap();
        child.wait().await.unwrap();
    }
    assert!(world.mock.requests().is_empty());
}

async fn printed_until(output: &mut ChildStdout, words: &str) -> String {
    let (mut printed, mut piece) = (String::new(), [0; 4096]);
    while !printed.contains(words) {
        match output.read(&mut piece).await.unwrap() {
            0 => break,
            read => printed.push_str(&String::from_utf8_lossy(&piece[..read])),
        }
    }
    printed
}
