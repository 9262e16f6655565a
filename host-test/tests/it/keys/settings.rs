//! What of its environment a host gives to a guest.

use std::collections::BTreeMap;

use mv_clip_host::{ApiKey, KeyMode, Setting};
use tempfile::TempDir;
use tokio::process::Command;

use super::attack::{Attack, KEYS};
use super::observer;
use crate::support::CACHE;

/// R8: by name, and nothing of the key.
#[tokio::test]
async fn a_guest_gets_its_own_settings_only() {
    let attack = Attack::new().await;
    let settings = attack.settings.clone().max_attempts(3);
    let with_key = settings.clone().api_key(&ApiKey::new(KEYS[0]).unwrap());
    let base_url = settings.get(Setting::BaseUrl).unwrap().to_owned();
    let expected = BTreeMap::from([
        ("MERAKI_BASE_URL".to_owned(), base_url),
        ("MV_CLIP_MAX_ATTEMPTS".to_owned(), "3".to_owned()),
    ]);
    for settings in [&settings, &with_key] {
        let found = observer::environment(&attack.hosts[0], settings).await;
        assert_eq!(found, expected);
    }
    let attack = Attack::with(KeyMode::Placeholder).await;
    let mut found = observer::environment(&attack.hosts[0], &with_key).await;
    let placeholder = found.remove("MERAKI_DASHBOARD_API_KEY").unwrap();
    assert!(placeholder != KEYS[0] && placeholder.len() == 64);
    assert_eq!(found, expected);
}

/// The same through the command line, from an environment with more secrets than one.
#[tokio::test]
async fn the_command_line_passes_no_other_variable_to_a_guest() {
    let folder = TempDir::new().unwrap();
    let component = folder.path().join("observer.wasm");
    std::fs::write(&component, observer::component()).unwrap();
    for (mode, has_key) in [
        (None, false),
        (Some("injection"), false),
        (Some("environment"), true),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mv-clip"));
        command
            .args(["get", "Q2XX-ABCD-1234"])
            .args([
                "--start",
                "2026-03-12T14:30:00Z",
                "--end",
                "2026-03-12T14:31:00Z",
            ])
            .args(mode.into_iter().flat_map(|mode| ["--key-mode", mode]))
            .env_clear()
            .env("MV_CLIP_COMPONENT", &component)
            .env("MV_CLIP_CACHE", CACHE)
            .env(
                "MV_CLIP_DESTINATION",
                "https://b.example/?X-Amz-Signature=5ec2e7",
            )
            .env("MV_CLIP_MAX_ATTEMPTS", "2")
            .env("MERAKI_DASHBOARD_API_KEY", KEYS[0])
            .env("MERAKI_API_KEY", "5ec2e7")
            .env("MERAKI_KEY", "5ec2e7")
            .env("HTTPS_PROXY", "http://user:5ec2e7@127.0.0.1:9")
            .env("NO_PROXY", "5ec2e7.example")
            .env("AWS_SECRET_ACCESS_KEY", "5ec2e7");
        let output = command.output().await.unwrap();
        let url = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{error}");
        let mut expected = BTreeMap::from([("MV_CLIP_MAX_ATTEMPTS".to_owned(), "2".to_owned())]);
        if has_key {
            expected.insert("MERAKI_DASHBOARD_API_KEY".to_owned(), KEYS[0].to_owned());
        }
        assert_eq!(observer::variables(&url), expected, "{mode:?}");
    }
}
