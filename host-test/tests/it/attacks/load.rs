//! Components that are small, and take much to load. Each is loaded by a process of its own, with 1 GiB of address space.

use std::fs;
use std::io::Write as _;

use mv_clip_host::{Limits, LoadError, Policy};
use tokio::process::Command;

use super::guests::{REALLOC, component};
use crate::HEAP;
use crate::limits::{LONG, watched};
use crate::support::{SERIAL, footage, in_own_process, try_load};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A number as WebAssembly has it.
fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(body.len()), body].concat()
}

/// A component that makes two instances of the one in it, which makes two instances of the one in it, and so on.
fn doubling(levels: usize) -> Vec<u8> {
    (0..levels).fold(COMPONENT.to_vec(), |inner, _| {
        let twice = section(5, &[2, 0, 0, 0, 0, 0, 0]);
        [COMPONENT, &section(4, &inner), &twice].concat()
    })
}

fn components_in_each_other(levels: usize) -> Vec<u8> {
    let component = |inner: Vec<u8>, _| [COMPONENT, &section(4, &inner)].concat();
    (0..levels).fold(COMPONENT.to_vec(), component)
}

fn types_in_each_other(levels: usize) -> Vec<u8> {
    let body = [&[1][..], &[0x41, 1, 1].repeat(levels), &[0x41, 0]].concat();
    [COMPONENT, &section(7, &body)].concat()
}

/// Segments of 4096 elements, whose places in the table the engine has to compute.
fn segments(count: usize) -> Vec<u8> {
    let elements = 4_096;
    let segment = [
        &[0, 0x41, 0, 0x41, 0, 0x6a, 0x0b][..],
        &leb(elements),
        &vec![0; elements],
    ];
    let module = [
        MODULE,
        &section(1, &[1, 0x60, 0, 0]),
        &section(3, &[1, 0]),
        &section(4, &[&[1, 0x70, 0][..], &leb(elements)].concat()),
        &section(9, &[leb(count), segment.concat().repeat(count)].concat()),
        &section(10, &[1, 2, 0, 0x0b]),
    ];
    [COMPONENT, &section(1, &module.concat())].concat()
}

fn empty_functions(count: usize) -> Vec<u8> {
    let module = [
        MODULE,
        &section(1, &[1, 0x60, 0, 0]),
        &section(3, &[leb(count), vec![0; count]].concat()),
        &section(10, &[leb(count), [2, 0, 0x0b].repeat(count)].concat()),
    ];
    [COMPONENT, &section(1, &module.concat())].concat()
}

#[cfg(unix)]
#[tokio::test]
async fn a_small_component_that_takes_much_to_load_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, cache) = (folder.path().join("component"), folder.path().join("cache"));
    let clip = footage(SERIAL);
    for (component, words) in [
        (types_in_each_other(3_000), "nesting is too deep"),
        (components_in_each_other(10_000), "32 components inside"),
        (doubling(24), "1000 component instances"),
        (segments(400), "8192 elements for tables"),
        (empty_functions(500_000), "30000 functions"),
    ] {
        fs::File::create(&file)
            .unwrap()
            .write_all(&component)
            .unwrap();
        let output = Command::new("sh")
            .args(["-c", "ulimit -v 1048576; exec \"$@\"", "sh"])
            .args([env!("CARGO_BIN_EXE_mv-clip"), "get", SERIAL])
            .args(["--start", &clip.start, "--end", &clip.end])
            .env_clear()
            .env("MERAKI_DASHBOARD_API_KEY", "mock-1")
            .env("MV_CLIP_COMPONENT", &file)
            .env("MV_CLIP_CACHE", &cache)
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words}: {error}");
        assert!(error.contains(words) && error.contains("Limits"), "{error}");
        assert!(!cache.join("modules").exists(), "{words} is in the cache");
    }
}

/// This guest, with an instance of a component that no other part of it uses.
fn beside(guest: &[u8], other: &[u8]) -> Vec<u8> {
    let mut at = COMPONENT.len();
    let mut components = 0;
    while let Some(id) = guest.get(at) {
        components += usize::from(*id == 4);
        let length = guest[at + 1..]
            .iter()
            .position(|byte| *byte < 0x80)
            .unwrap()
            + 1;
        let digits = guest[at + 1..].iter().take(length).rev();
        let size = digits.fold(0, |size, digit| size << 7 | usize::from(digit & 0x7f));
        at += 1 + length + size;
    }
    let instance = [&[1, 0][..], &leb(components), &[0]].concat();
    [guest, &section(4, other), &section(5, &instance)].concat()
}

#[test]
fn the_memory_for_instances_of_components_is_bounded() {
    let name = "attacks::load::the_memory_for_instances_of_components_is_bounded";
    watched(2, async {
        // Allocations of other tests would count too.
        if !in_own_process(name, LONG).await {
            return;
        }
        let guest = component(REALLOC, "", "(i32.const 16)");
        let load = |levels| {
            let guest = beside(&guest, &doubling(levels));
            try_load(&guest, Policy::default(), Limits::default())
        };
        let mut held = Vec::new();
        // 1 and 511 instances.
        for levels in [0, 8] {
            let host = load(levels).unwrap();
            let before = HEAP.allocated();
            let instance = host.instance(&Default::default()).await.unwrap();
            held.push(HEAP.allocated() - before);
            drop(instance);
        }
        eprintln!("a call holds {held:?} bytes");
        assert!(held[1] < held[0] + (128 << 10), "{held:?}");
        for levels in [10, 14] {
            let refused = load(levels).unwrap_err();
            assert!(matches!(refused, LoadError::Component(_)), "{refused:?}");
        }
    });
}
