//! Test guests that misbehave.

mod by_serial;
mod vast;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

pub use by_serial::{DENIED, TIMED_OUT, by_serial, failed, never_starts, of_size, too_many};
pub use vast::vast;

/// The functions of the world `clip-plugin` that no guest here has a use for.
const UNUSED_EXPORTS: &str = r#"
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
    (unreachable))
"#;

/// The component of a core module with these fields, in text. They export `get-clip` and `request-clip`.
pub fn of_fields(fields: &str) -> Vec<u8> {
    of_module(&format!("(module {fields} {UNUSED_EXPORTS})"))
}

/// The component of a core module, in text, that exports the functions of the world `clip-plugin`.
pub fn of_module(text: &str) -> Vec<u8> {
    of_world(text, None)
}

/// The same with the only world of this package, which is beside the project's.
pub fn of_world(text: &str, package: Option<&str>) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let (own, _) = resolve.push_dir(wit).unwrap();
    let (package, name) = match package {
        Some(package) => (resolve.push_str("test.wit", package).unwrap(), None),
        None => (own, Some("clip-plugin")),
    };
    let world = resolve.select_world(&[package], name).unwrap();
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
