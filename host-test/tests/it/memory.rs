//! Whether the API key is in a guest's memory, and how often in that of the process.

use chrono::{SecondsFormat, TimeDelta, Utc};
use meraki_mock::{MockConfig, MockMeraki};

use mv_clip_host::{ApiKey, ClipHost, KeyMode, Limits, Policy, Settings};

use crate::support::component_file;

const KEY: &str = "5ec2e70b9f41d7a3c877e1";

/// The component, with one more export: `dump`, all of its memory.
fn dumping() -> Vec<u8> {
    let component = std::fs::read(component_file()).unwrap();
    let text = wasmprinter::print_bytes(component).unwrap();
    let (text, _) = text.rsplit_once(')').unwrap();
    let dump = r#"
  (core module $dumper
    (import "guest" "memory" (memory 1))
    ;; The list's address and length: below all that the guest uses.
    (func (export "dump") (result i32)
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (i32.mul (memory.size) (i32.const 65536)))
      (i32.const 0)))
  (core instance $dumper (instantiate $dumper
    (with "guest" (instance (export "memory" (memory 0))))))
  (alias core export $dumper "dump" (core func $dump))
  (type $dump-type (func (result (list u8))))
  (func $dump-lifted (type $dump-type) (canon lift (core func $dump) (memory 0)))
  (export "dump" (func $dump-lifted)))"#;
    wat::parse_str(format!("{text}{dump}")).unwrap()
}

/// The guest's memory after it got a clip, and the setting that it had for a key.
async fn after_a_call(mode: Option<KeyMode>) -> Vec<u8> {
    let config = MockConfig::default().key(KEY);
    let mock = MockMeraki::start(config).await.unwrap();
    let base_url = mock.base_url();
    let api = base_url.trim_end_matches("/api/v1").parse().unwrap();
    let mut builder = ClipHost::builder().policy(Policy::new([api]));
    if let Some(mode) = mode {
        builder = builder.key(ApiKey::new(KEY).unwrap(), mode);
    }
    let limits = Limits::default().core_instances(4).hostcall_bytes(64 << 20);
    let host = builder.limits(limits).load_bytes(dumping()).await.unwrap();
    // Set in each mode: the host has to remove it.
    let settings = Settings::default()
        .api_key(&ApiKey::new(KEY).unwrap())
        .base_url(base_url);
    let mut instance = host.instance(&settings).await.unwrap();
    let end = Utc::now() - TimeDelta::minutes(10);
    let [start, end] = [end - TimeDelta::minutes(2), end]
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
    let url = instance.get_clip("Q2MV-MOCK-0001", &start, &end).await;
    let url = url.unwrap();
    let memory = instance.call_for_bytes("dump").await.unwrap();
    assert!(
        holds(&memory, url.expose()),
        "this is not what the guest worked with"
    );
    memory
}

fn holds(memory: &[u8], text: &str) -> bool {
    memchr::memmem::find(memory, text.as_bytes()).is_some()
}

#[tokio::test]
async fn a_guests_memory_holds_the_key_only_where_the_host_does_not_keep_it() {
    let plain = after_a_call(None).await;
    assert!(holds(&plain, KEY), "this test cannot find a key");
    for mode in [KeyMode::Injection, KeyMode::Placeholder] {
        let memory = after_a_call(Some(mode)).await;
        // No part of it either.
        let found = KEY
            .as_bytes()
            .windows(8)
            .find(|part| memchr::memmem::find(&memory, part).is_some());
        assert!(found.is_none(), "{mode:?}");
        eprintln!("{mode:?}: {} bytes of memory, no key", memory.len());
    }
}

/// How often the key is in the memory of the command line.
#[cfg(target_os = "linux")]
mod process {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    use std::process::Stdio;

    use meraki_mock::MockConfig;
    use tempfile::TempDir;
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    use tokio::process::{Child, Command};

    use crate::support::{CACHE, SERIAL, World, component_file, footage};

    /// As long as Meraki's keys.
    const KEY: &str = "5ec2e70b9f41d7a3c877e1f0d2b4a69835c7e012";

    async fn world() -> World {
        let config = MockConfig::default().key(KEY);
        World::with(config).await.unset("MERAKI_DASHBOARD_API_KEY")
    }

    /// Runs `get` until the component has started, and waits for its footage.
    async fn waiting(world: &World, source: (&str, &str)) -> Child {
        let window = footage(SERIAL);
        let mut command = Command::new(env!("CARGO_BIN_EXE_mv-clip"));
        command
            .args([
                "-v",
                "get",
                SERIAL,
                "--start",
                &window.start,
                "--end",
                &window.end,
                "--allow-plain-http",
            ])
            .env_clear()
            .env("MV_CLIP_COMPONENT", component_file())
            .env("MV_CLIP_CACHE", CACHE)
            .envs(world.variables())
            .env("MV_CLIP_LAG_SECONDS", "3600")
            .env("MV_CLIP_DEADLINE_SECONDS", "86400")
            .env(source.0, source.1)
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        loop {
            let line = lines.next_line().await.unwrap().expect("the call starts");
            if line.contains("call started") {
                break;
            }
        }
        child
    }

    /// How often the key is in the memory of a process. `read` cannot read all regions, such as those of the kernel.
    fn occurrences(child: &Child) -> usize {
        let id = child.id().unwrap();
        let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
        let memory = File::open(format!("/proc/{id}/mem")).unwrap();
        let mut found = 0;
        for line in maps.lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            // A pool of instances is reserved, but not readable.
            if !rest.starts_with('r') {
                continue;
            }
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            let length = memory.read_at(&mut bytes, start).unwrap_or(0);
            found += memchr::memmem::find_iter(&bytes[..length], KEY).count();
        }
        found
    }

    #[tokio::test]
    async fn has_the_key_once() {
        let world = world().await;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, format!("{KEY}\n")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let path = file.to_str().unwrap();
        let child = waiting(&world, ("MERAKI_DASHBOARD_API_KEY_FILE", path)).await;
        assert_eq!(occurrences(&child), 1, "from a file");
        // The environment cannot be cleared, so a file is better.
        let child = waiting(&world, ("MERAKI_DASHBOARD_API_KEY", KEY)).await;
        assert_eq!(occurrences(&child), 2, "from the environment");
        assert!(world.mock.requests().is_empty());
    }
}
