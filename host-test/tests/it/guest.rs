//! Guests that misbehave in ways that the real component does not.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component of the world `clip-plugin` whose `get-clip` does what the first letter of its serial
/// says: `s`pin for ever, `t`rap, `g`row its memory until that is refused. Otherwise, and after growing,
/// it answers `u`.
pub fn obedient() -> Vec<u8> {
    component("")
}

/// A component that spins for ever before it can be called.
pub fn never_starts() -> Vec<u8> {
    component("(start $spin)")
}

fn component(start: &str) -> Vec<u8> {
    let text = format!(
        r#"
(module
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  ;; Where the result lies: the case `ok`, and a string of one byte.
  (data (i32.const 16) "\00\00\00\00\20\00\00\00\01\00\00\00")
  (data (i32.const 32) "u")

  (func $spin (loop $again (br $again)))
  (func $grow (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
  {start}

  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))

  (func (export "meraki-mv:clips/clips@0.1.0#get-clip")
    (param $serial i32) (param i32 i32 i32 i32 i32) (result i32)
    (local $order i32)
    (local.set $order (i32.load8_u (local.get $serial)))
    (if (i32.eq (local.get $order) (i32.const {spin})) (then (call $spin)))
    (if (i32.eq (local.get $order) (i32.const {trap})) (then (unreachable)))
    (if (i32.eq (local.get $order) (i32.const {grow})) (then (call $grow)))
    (i32.const 16))

  (func (export "meraki-mv:clips/clips@0.1.0#request-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-range")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-incident")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-coverage")
    (param i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (func (export "meraki-mv:clips/transfer@0.1.0#save-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
"#,
        spin = b's',
        trap = b't',
        grow = b'g',
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve
        .select_world(&[package], Some("clip-plugin"))
        .unwrap();
    let canonical_names = false;
    embed_component_metadata(
        &mut module,
        &resolve,
        world,
        StringEncoding::UTF8,
        canonical_names,
    )
    .unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap().encode().unwrap()
}
