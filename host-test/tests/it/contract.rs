//! The imports, exports and metadata of the component. A new import must be added here deliberately.

use std::collections::BTreeMap;

use std::path::Path;
use std::process::Command;

use mv_clip_host::{Limits, LoadError, Policy};
use serde::Deserialize;

use crate::support::{clips_only_file, component_file, try_load};

/// Interfaces by name, with the names of their functions.
type Interfaces = BTreeMap<String, Vec<String>>;

/// The output of `mv-clip inspect --json`.
#[derive(Deserialize)]
struct Inspection {
    imports: Interfaces,
    exports: Interfaces,
    metadata: BTreeMap<String, String>,
}

fn inspect(component: &Path) -> Result<Inspection, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_mv-clip"))
        .args(["inspect", "--json", "--component"])
        .arg(component)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stdout).unwrap()),
    }
}

fn component() -> Vec<u8> {
    std::fs::read(component_file()).unwrap()
}

fn clips_only() -> Vec<u8> {
    std::fs::read(clips_only_file()).unwrap()
}

/// One interface per line: its name without the version, and its functions.
fn listed(interfaces: &Interfaces) -> String {
    let line = |(name, functions): (&String, &Vec<String>)| {
        let (name, _) = name.split_once('@').unwrap_or((name, ""));
        format!(
            "{}\n",
            format!("{name}: {}", functions.join(" ")).trim_end()
        )
    };
    interfaces.iter().map(line).collect()
}

#[test]
fn the_imports_are_exactly_these() {
    let imports = inspect(&component_file()).unwrap().imports;
    assert_eq!(
        listed(&imports),
        "\
wasi:cli/environment: get-environment
wasi:clocks/monotonic-clock: now subscribe-instant
wasi:clocks/wall-clock: now
wasi:http/outgoing-handler: handle
wasi:http/types: [static]fields.from-list [method]fields.get [constructor]outgoing-request \
[method]outgoing-request.body [method]outgoing-request.set-method \
[method]outgoing-request.set-path-with-query [method]outgoing-request.set-scheme \
[method]outgoing-request.set-authority [constructor]request-options \
[method]request-options.set-connect-timeout [method]request-options.set-first-byte-timeout \
[method]request-options.set-between-bytes-timeout [method]incoming-response.status \
[method]incoming-response.headers [method]incoming-response.consume \
[method]incoming-body.stream [method]outgoing-body.write [static]outgoing-body.finish \
[method]future-incoming-response.subscribe \
[method]future-incoming-response.get http-error-code
wasi:io/error:
wasi:io/poll: poll
wasi:io/streams: [method]input-stream.read [method]input-stream.subscribe \
[method]output-stream.check-write [method]output-stream.write [method]output-stream.subscribe
wasi:random/random: get-random-u64
"
    );
    assert!(
        imports.keys().all(|name| name.ends_with("@0.2.12")),
        "{imports:?}"
    );
}

/// This component sends no request body.
#[test]
fn the_imports_of_clips_only_are_exactly_these() {
    let imports = inspect(&clips_only_file()).unwrap().imports;
    assert_eq!(
        listed(&imports),
        "\
wasi:cli/environment: get-environment
wasi:clocks/monotonic-clock: now subscribe-instant
wasi:clocks/wall-clock: now
wasi:http/outgoing-handler: handle
wasi:http/types: [static]fields.from-list [method]fields.get [constructor]outgoing-request \
[method]outgoing-request.set-method [method]outgoing-request.set-path-with-query \
[method]outgoing-request.set-scheme [method]outgoing-request.set-authority \
[constructor]request-options [method]request-options.set-connect-timeout \
[method]request-options.set-first-byte-timeout [method]request-options.set-between-bytes-timeout \
[method]incoming-response.status [method]incoming-response.headers \
[method]incoming-response.consume [method]incoming-body.stream \
[method]future-incoming-response.subscribe [method]future-incoming-response.get http-error-code
wasi:io/error:
wasi:io/poll: poll
wasi:io/streams: [method]input-stream.read [method]input-stream.subscribe
wasi:random/random: get-random-u64
"
    );
    assert!(
        imports.keys().all(|name| name.ends_with("@0.2.12")),
        "{imports:?}"
    );
}

#[test]
fn exports_are_the_contract() {
    let exports = inspect(&component_file()).unwrap().exports;
    assert_eq!(
        listed(&exports),
        "\
meraki-mv:clips/clips: get-clip request-clip
meraki-mv:clips/events: get-range get-incident get-coverage
meraki-mv:clips/transfer: save-clip
meraki-mv:clips/types:
"
    );
    assert!(
        exports.keys().all(|name| name.ends_with("@0.1.0")),
        "{exports:?}"
    );
    let alone = inspect(&clips_only_file()).unwrap().exports;
    let part = ["clips", "types"].map(|name| format!("meraki-mv:clips/{name}@0.1.0"));
    let part = part.map(|name| (name.clone(), exports[&name].clone()));
    assert_eq!(alone, part.into());
}

#[test]
fn the_files_are_small() {
    for (component, most) in [(component(), 232_000), (clips_only(), 150_000)] {
        let bytes = component.len();
        assert!(bytes <= most, "{bytes} bytes, more than {most}");
    }
}

#[test]
fn the_files_contain_their_metadata() {
    let expected = [
        ("name", "mv-clip"),
        ("version", env!("CARGO_PKG_VERSION")),
        (
            "description",
            "Recorded video from Cisco Meraki MV cameras, as a WebAssembly component",
        ),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("source", env!("CARGO_PKG_REPOSITORY")),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    for component in [component_file(), clips_only_file()] {
        let mut metadata = inspect(&component).unwrap().metadata;
        // Only if it was built from a commit.
        metadata.remove("revision");
        assert_eq!(metadata, expected);
    }
}

#[test]
fn other_files_are_rejected_by_name() {
    for bytes in [&b""[..], b"#!/bin/sh", b"\0asm\x01\0\0\0"] {
        let load = try_load(bytes, Policy::default(), Limits::default());
        let Err(error @ LoadError::Component(_)) = load.map(drop) else {
            panic!("loaded {bytes:?}")
        };
        assert!(
            error.to_string().contains("meraki-mv:clips/clip-plugin"),
            "{error}"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, bytes).unwrap();
        let Err(error) = inspect(file.path()) else {
            panic!("inspected {bytes:?}")
        };
        assert!(
            error.contains(" is not a WebAssembly component: "),
            "{error}"
        );
    }
}
