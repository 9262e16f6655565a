//! Logs with a timestamp.

use std::time::Duration;

use mv_clip_footage::{Collector, Order, TimestampError, WhileBusy};
use mv_clip_host::PostError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::authority::{Authority, Behaviour};
use super::command::{command, json, words};
use super::signed::{Case, LOG, OTHER, SIGNATURE, pairs};
use super::{Ignored, folder, window};
use crate::outbound::tls;
use crate::simulated::Simulated;
use crate::support::{SERIAL, World};

const TIMESTAMP: &str = "log.jsonl.tsr";

#[tokio::test]
async fn a_timestamp_is_of_the_log_and_openssl_agrees() {
    let case = Case::new().await;
    let Some(authority) = Authority::new(Behaviour::Stamps).await else {
        return;
    };
    let options = ["--sign", &case.keys.secret, "--timestamp", &authority.url];
    let output = case.fills(SERIAL, &options).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = words(&output.stdout);
    assert!(printed.contains("Timestamp: 2"), "{printed}");
    let unverified = ", not verified; to verify it, run openssl ts -verify -in ";
    assert!(printed.contains(unverified), "{printed}");
    let kinds: Vec<_> = authority
        .requests()
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, [Some("application/timestamp-query".to_owned())]);
    let (token, log) = (case.path(TIMESTAMP), case.path(LOG));
    let checked = authority.verifies(&token, &log);
    assert!(checked.status.success(), "{checked:?}");
    let verified = case.verifies(&["--key", &case.keys.public]).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    let printed = words(&verified.stdout);
    assert!(
        printed.contains("Timestamp: 4 of 4 lines of the log existed at 2"),
        "{printed}"
    );
    let command = format!(
        "openssl ts -verify -in {} -data {}",
        token.display(),
        log.display()
    );
    assert!(printed.contains(&command), "{printed}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&token).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// The older one proves an earlier time, so it is not lost.
#[tokio::test]
async fn an_earlier_timestamp_stays_in_the_log() {
    let case = Case::new().await;
    let Some(authority) = Authority::new(Behaviour::Stamps).await else {
        return;
    };
    // Without a signature.
    let options = ["--timestamp", &authority.url];
    case.fills(SERIAL, &options).await;
    let (first, log) = (std::fs::read(case.path(TIMESTAMP)).unwrap(), case.read(LOG));
    let output = case
        .fills(OTHER, &[&options[..], &["--json"]].concat())
        .await;
    assert_eq!(
        json(&output)["timestamp"]["authority"],
        authority.url.trim_end_matches("/tsa")
    );
    let now = case.read(LOG);
    let last: Value = serde_json::from_str(now.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["name"]),
        (&"replaced".into(), &TIMESTAMP.into())
    );
    let kept = data_encoding::BASE64.decode(last["content"].as_str().unwrap().as_bytes());
    assert_eq!(kept.unwrap(), first);
    // It is that of the lines that the log had then.
    let verified = case.verifies(&["--json"]).await;
    let earlier = &json(&verified)["earlier_timestamps"];
    assert_eq!(
        (&earlier[0]["lines"], &earlier[0]["line"], &earlier[1]),
        (
            &log.lines().count().into(),
            &now.lines().count().into(),
            &Value::Null
        )
    );
    case.write("earlier", log);
    case.write("earlier.tsr", &first);
    let checked = authority.verifies(&case.path("earlier.tsr"), &case.path("earlier"));
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn a_timestamp_of_fewer_lines_is_told_and_is_no_difference() {
    let case = Case::new().await;
    let Some(authority) = Authority::new(Behaviour::Stamps).await else {
        return;
    };
    case.fills(SERIAL, &["--timestamp", &authority.url]).await;
    case.fills(OTHER, &[]).await;
    let verified = case.verifies(&["--json"]).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert_eq!(
        (
            &json(&verified)["timestamp"]["lines"],
            &json(&verified)["lines"]
        ),
        (&4.into(), &8.into())
    );
}

/// Whatever the authority does, the footage and the signature are kept, and the same command adds the timestamp.
#[tokio::test]
async fn an_authority_that_fails_costs_the_timestamp_alone() {
    let Some(authority) = Authority::new(Behaviour::Stamps).await else {
        return;
    };
    for (behaviour, code, expected) in [
        (Behaviour::OtherHash, 1, "it is for another hash"),
        (Behaviour::OtherRequest, 1, "it is not for this request"),
        (Behaviour::Refuses, 1, "refused to make a timestamp"),
        (Behaviour::Garbage, 1, "it is not in the form of RFC 3161"),
        (Behaviour::Huge, 1, "sent more than 65536 bytes"),
        (Behaviour::Busy, 75, "answered 503"),
        (Behaviour::Redirects, 1, "answered 302"),
    ] {
        authority.becomes(behaviour);
        let case = Case::new().await;
        let options = ["--sign", &case.keys.secret, "--timestamp", &authority.url];
        let output = case.fills(SERIAL, &options).await;
        assert_eq!(output.status.code(), Some(code), "{behaviour:?} {output:?}");
        let error = words(&output.stderr);
        let kept =
            "What was saved is there, and signed; run the same command again to add the timestamp";
        assert!(
            error.starts_with("error: the log has no new timestamp: ")
                && error.contains(expected)
                && error.contains(kept),
            "{behaviour:?} {error}"
        );
        assert!(words(&output.stdout).starts_with("1 clip in "));
        assert!(
            !case.names().iter().any(|name| name.starts_with(TIMESTAMP)),
            "{behaviour:?}"
        );
        let missing = [(TIMESTAMP, "no-timestamp")];
        assert_eq!(pairs(&case.differences().await), missing);

        authority.becomes(Behaviour::Stamps);
        let asked = case.asked();
        let output = case.fills(SERIAL, &options).await;
        assert_eq!(output.status.code(), Some(0), "{behaviour:?} {output:?}");
        assert_eq!(case.asked(), asked, "the clip is there");
        let checked = authority.verifies(&case.path(TIMESTAMP), &case.path(LOG));
        assert!(checked.status.success(), "{checked:?}");
        assert_eq!(pairs(&case.differences().await), []);
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_costs_the_timestamp_alone() {
    let case = Case::new().await;
    let (_socket, address) = crate::support::closed_port();
    let url = format!("http://{address}/");
    let output = case.fills(SERIAL, &["--timestamp", &url, "--json"]).await;
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let printed = json(&output);
    assert_eq!(printed["files"].as_array().unwrap().len(), 1);
    let cause = &printed["timestamp"]["error"];
    assert_eq!(cause["transient"], true, "{printed}");
    let message = cause["message"].as_str().unwrap();
    assert!(message.starts_with("cannot reach http://"), "{message}");
    let error = words(&output.stderr);
    assert!(
        error.contains("cannot reach") && error.contains("What was saved is there; run"),
        "{error}"
    );
}

#[tokio::test]
async fn an_authority_behind_tls_is_trusted_by_its_root_certificate() {
    let case = Case::new().await;
    let certified = tls::certificate("localhost");
    let Some(authority) = Authority::over_tls(&certified).await else {
        return;
    };
    let options = ["--timestamp", &authority.url];
    let refused = case.fills(SERIAL, &options).await;
    assert_eq!(refused.status.code(), Some(75), "{refused:?}");
    assert!(
        words(&refused.stderr).contains("cannot reach"),
        "{refused:?}"
    );
    let roots = case.keys.file("roots.pem", &certified.cert.pem());
    let trusted = case
        .fills(SERIAL, &[&options[..], &["--ca-file", &roots]].concat())
        .await;
    assert_eq!(trusted.status.code(), Some(0), "{trusted:?}");
    let checked = authority.verifies(&case.path(TIMESTAMP), &case.path(LOG));
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn a_url_that_cannot_be_one_ends_the_run_before_any_request() {
    let case = Case::new().await;
    for url in [
        "tsa.example",
        "ftp://tsa.example/",
        "http://me:secret@tsa.example/",
        "http://",
        "",
    ] {
        let output = case.fills(SERIAL, &["--timestamp", url]).await;
        assert_eq!(output.status.code(), Some(2), "{url} {output:?}");
        let error = words(&output.stderr);
        assert!(
            error.contains("--timestamp") && !error.contains("secret"),
            "{error}"
        );
        assert_eq!(case.names(), [""; 0]);
    }
    assert_eq!(case.asked(), 0);
}

#[tokio::test]
async fn a_silent_authority_is_given_up_after_a_minute() {
    let Some(authority) = Authority::new(Behaviour::Silent).await else {
        return;
    };
    let (world, folder) = (World::new().await, folder());
    let client = world.host.post_client(&authority.url).unwrap();
    let order = Order::new("test", "", vec![window()]).timestamp(client);
    let progress = Box::new(|_: &mv_clip_footage::Footage| {
        Box::new(Ignored) as Box<dyn mv_clip_footage::Progress>
    });
    let collector = Collector::new(
        folder.path(),
        WhileBusy::End,
        order,
        &world.host,
        world.settings(),
        progress,
    );
    let collector = collector.await.unwrap();
    let mut finished = collector.finish().await.unwrap();
    // Otherwise simulated time passes while a thread reads the log.
    let stamped = tokio::spawn(async move { finished.timestamp().await });
    while authority.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _simulated = Simulated::in_steps_of(Duration::from_millis(500));
    let started = tokio::time::Instant::now();
    let error = stamped.await.unwrap().unwrap_err();
    assert!(
        matches!(error, TimestampError::Post(PostError::TooSlow { .. })),
        "{error:?}"
    );
    let waited = started.elapsed().as_secs();
    assert!((50..=61).contains(&waited), "{waited}");
}

#[tokio::test]
async fn ctrl_c_while_the_authority_is_silent_costs_the_timestamp_alone() {
    let case = Case::new().await;
    let Some(authority) = Authority::new(Behaviour::Silent).await else {
        return;
    };
    let options = ["--sign", &case.keys.secret, "--timestamp", &authority.url];
    let arguments = case.arguments(SERIAL, &options);
    let child = command(&case.world, &arguments).spawn().unwrap();
    while authority.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let process = Pid::from_raw(child.id().unwrap().try_into().unwrap());
    kill(process, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let error = words(&output.stderr);
    assert!(
        error.contains("no new timestamp: the command was stopped"),
        "{error}"
    );
    let missing = [(TIMESTAMP, "no-timestamp")];
    assert_eq!(pairs(&case.differences().await), missing);
}

#[tokio::test]
async fn a_timestamp_of_something_else_is_named() {
    let case = Case::new().await;
    let Some(authority) = Authority::new(Behaviour::Stamps).await else {
        return;
    };
    case.signs(SERIAL).await;
    case.write("other", "other");
    let other = authority.stamps(&case.path("other"));
    std::fs::remove_file(case.path("other")).unwrap();
    case.write(TIMESTAMP, &other);
    assert_eq!(
        pairs(&case.differences().await),
        [(TIMESTAMP, "other-timestamp")]
    );
    assert_eq!(case.verifies(&[]).await.status.code(), Some(1));
    for (garbage, kind) in [
        (&b""[..], "not-a-timestamp"),
        (b"garbage", "not-a-timestamp"),
        (&other[..other.len() - 1], "not-a-timestamp"),
        (&[0x30; 100_000], "unreadable"),
    ] {
        case.write(TIMESTAMP, garbage);
        assert_eq!(pairs(&case.differences().await), [(TIMESTAMP, kind)]);
    }
    // One that openssl asked for is as good as one of ours.
    case.write(TIMESTAMP, authority.stamps(&case.path(LOG)));
    assert_eq!(pairs(&case.differences().await), []);
    assert!(case.names().contains(&SIGNATURE.to_owned()));
}

#[tokio::test]
async fn a_token_in_the_url_of_an_authority_is_written_nowhere() {
    let case = Case::new().await;
    let Some(authority) = Authority::new(Behaviour::Stamps).await else {
        return;
    };
    let url = format!("{}/5ec2e7?token=5ec2e7", authority.url);
    let with_equals = format!("--timestamp={url}");
    for options in [&["--timestamp", &url][..], &[&with_equals]] {
        let options = [options, &["-vv"]].concat();
        let output = case.fills(SERIAL, &options).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let mut written = words(&output.stderr) + &words(&output.stdout);
        for name in case.names() {
            written += &String::from_utf8_lossy(&std::fs::read(case.path(&name)).unwrap());
        }
        assert!(!written.contains("5ec2e7"));
        let server = authority.url.trim_end_matches("/tsa");
        assert!(
            case.read(LOG)
                .contains(&format!("\"authority\":\"{server}\""))
        );
    }
}

#[tokio::test]
async fn a_timestamp_that_is_gone_is_named() {
    let case = Case::new().await;
    let Some(authority) = Authority::new(Behaviour::Stamps).await else {
        return;
    };
    case.fills(SERIAL, &["--timestamp", &authority.url]).await;
    assert_eq!(case.verifies(&[]).await.status.code(), Some(0));
    std::fs::remove_file(case.path(TIMESTAMP)).unwrap();
    let verified = case.verifies(&["--json"]).await;
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let difference = &json(&verified)["differences"][0];
    assert_eq!(difference["name"], TIMESTAMP);
    assert_eq!(difference["kind"], "no-timestamp");
}
