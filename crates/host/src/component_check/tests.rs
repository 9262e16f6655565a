use proptest::prelude::*;

use super::*;

fn outcome(text: &str) -> String {
    let component = wat::parse_str(format!("(component {text})")).unwrap();
    match check(&component, &Limits::default()) {
        Ok(()) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn refused(text: &str, words: &str) {
    let error = outcome(text);
    assert!(error.contains(words), "{words}: {error}");
}

/// Components that each make two instances of the one before, beside each other.
fn doubling(levels: usize) -> String {
    let level = |n| {
        format!(
            "(component $c{n} (alias outer 1 $c{before} (component $c))
               (instance (instantiate $c)) (instance (instantiate $c)))",
            before = n - 1
        )
    };
    let levels: String = (1..=levels).map(level).collect();
    format!("(component $c0) {levels}")
}

fn each(count: usize, text: &str) -> String {
    text.repeat(count)
}

#[test]
fn what_a_component_is_composed_of_passes() {
    let instances = each(30, "(instance (instantiate $c4))");
    let modules = "(core module) (core module $m (table 100 funcref) (memory 2))";
    let exported = r#"(export $e "a" (component $c4)) (instance (instantiate $e))"#;
    let made = each(3, "(core instance (instantiate $m))");
    let whole = format!("{} {modules} {made} {instances} {exported}", doubling(4));
    assert_eq!(outcome(&whole), "");
}

#[test]
fn too_many_parts_are_refused() {
    refused(&each(1_001, "(component)"), "1000 components in it");
    refused(&each(1_001, "(core module)"), "1000 core modules");
    let inside = each(32, "(component ") + &each(32, ")");
    refused(&inside, "32 components inside each other");
    refused(&each(50_001, "(type bool)"), "50000 functions, aliases");
    let long = format!(r#"(import "{}" (func))"#, each(3 << 20, "a"));
    refused(&long, "2097152 bytes of types and names");
    let made = each(4, "(core instance (instantiate $m))");
    let words = "3 core module instances (Limits::core_instances)";
    refused(&format!("(core module $m) {made}"), words);
}

#[test]
fn what_an_instance_makes_counts_for_each_instance() {
    for levels in [9, 99] {
        let whole = doubling(levels) + &format!("(instance (instantiate $c{levels}))");
        refused(&whole, "1000 component instances");
    }
    let types = format!("(component $c {})", each(1_000, "(type bool)"));
    let whole = types + &each(51, "(instance (instantiate $c))");
    refused(&whole, "50000 functions, aliases");
    let made = "(component $c (core module $m) (core instance (instantiate $m)))";
    let whole = made.to_owned() + &each(4, "(instance (instantiate $c))");
    refused(&whole, "3 core module instances");
}

#[test]
fn a_component_from_elsewhere_is_not_instantiated() {
    let imported = r#"(import "a" (component $c)) (instance (instantiate $c))"#;
    refused(imported, "a component that it imports");
    let of_an_instance = r#"(import "a" (instance $i (export "c" (component))))
        (alias export $i "c" (component $c)) (instance (instantiate $c))"#;
    refused(of_an_instance, "gets from an instance");
}

#[test]
fn types_too_deep_for_the_engine_are_refused() {
    // A section with one type: each is a component with one declaration, which is a type.
    let body = [&[1][..], &[0x41, 1, 1].repeat(120), &[0x41, 0]].concat();
    let size = u16::try_from(body.len()).unwrap();
    let size = [size.to_le_bytes()[0] | 0x80, (size >> 7).to_le_bytes()[0]];
    let component = [&b"\0asm\x0d\0\x01\0\x07"[..], &size, &body].concat();
    let error = check(&component, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("nesting is too deep"), "{error}");
}

#[test]
fn modules_with_too_much_are_refused() {
    let module = |count, text| format!("(core module {})", each(count, text));
    refused(&module(30_001, "(func)"), "30000 functions");
    let globals = module(20_001, "(global i32 (i32.const 0))");
    refused(&globals, "20000 types, imports");
    let memories = "(core module (memory 129)) (core module (memory 128))";
    refused(memories, "16777216 bytes of memory (Limits::memory)");
    let table = "(core module (table 8193 funcref))";
    refused(table, "8192 elements in tables (Limits::tables");
    let segment = format!("(elem (i32.const 0) func {})", each(8_193, "0 "));
    let module = format!("(core module (func) (table 1 funcref) {segment})");
    refused(&module, "8192 elements for tables (Limits::tables");
}

#[test]
fn functions_with_too_much_code_are_refused() {
    let function = |variables: &str, bytes: usize| {
        let code = each(bytes / 19, "v128.const i64x2 1 1 drop ");
        format!("(func {variables} {code})")
    };
    let module = |functions: String| format!("(core module {functions})");
    let words = "524288 bytes in one function";
    refused(&module(function("", 525_000)), words);
    let words = "16777216 bytes of code";
    refused(&module(each(34, &function("", 500_000))), words);
    for (variables, count) in [("local", 1_400), ("param", 1_000)] {
        let variables = format!("({variables} {})", each(count, "i32 "));
        let words = "67108864 bytes times variables";
        refused(&module(function(&variables, 70_000)), words);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..8)
    ) {
        let text = format!(
            r#"(component {} (core module $m (memory 1) (table 1 funcref) (func $f (local i32))
                 (elem (i32.const 0) func $f) (data (i32.const 0) "a") (export "f" (func $f)))
               (core instance $i (instantiate $m)) (type $t (func (param "a" (list u8))))
               (import "a" (func (type $t))) (func (canon lift (core func $i "f")))
               (import "b" (component (type (instance (export "c" (func))))))
               (instance $c (instantiate $c3)) (export "d" (instance $c)))"#,
            doubling(3)
        );
        let mut component = wat::parse_str(text).unwrap();
        for (at, byte) in changes {
            let at = usize::from(at) % component.len();
            component[at] = byte;
        }
        let _ = check(&component, &Limits::default());
    }
}
