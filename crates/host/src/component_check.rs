//! Checks the size of a component's parts before the engine reads it. A small file can describe gigabytes: parts that
//! contain two of the part before, or tables and memories that no call could have.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, ElementItems, Encoding, FromReader, Instance, Parser, Payload,
    SectionLimited,
};
use wasmtime::{Error, Result};

use crate::limits::Limits;

/// How deeply components contain components.
const DEPTH: u64 = 32;

/// The core modules of a component, the components in it, and the instances of components that it makes: each.
const PARTS: u64 = 1_000;

/// The functions of all core modules. The engine needs some KiB for each while it compiles, even if it is empty.
const FUNCTIONS: u64 = 20_000;

/// Other items of all core modules, such as types, imports and segments.
const MODULE_ITEMS: u64 = 20_000;

/// The items of the instances of components, such as aliases and functions. They count for each instance.
const COMPONENT_ITEMS: u64 = 50_000;

/// The size of all that describes a component beside its modules, in bytes.
const DESCRIPTION: u64 = 2 << 20;

/// Refuses what is larger than the limits, or than any component that they suit.
///
/// # Errors
///
/// What is too large, or not well formed.
pub(crate) fn check(component: &[u8], limits: &Limits) -> Result<()> {
    let mut check = Check::default();
    for payload in Parser::new(0).parse_all(component) {
        check.payload(payload?)?;
        check.totals.check(limits)?;
    }
    check.whole.check(limits)
}

/// What an instance of a component takes, with all instances that it makes.
#[derive(Clone, Copy, Default)]
struct Cost {
    instances: u64,
    core_instances: u64,
    items: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        add(&mut self.instances, other.instances);
        add(&mut self.core_instances, other.core_instances);
        add(&mut self.items, other.items);
    }

    fn check(&self, limits: &Limits) -> Result<()> {
        let core_instances = limits.core_instances.into();
        at_most(self.instances, PARTS, "component instances")?;
        let what = "core module instances (Limits::core_instances)";
        at_most(self.core_instances, core_instances, what)?;
        let what = "functions, aliases and other items in its component instances";
        at_most(self.items, COMPONENT_ITEMS, what)
    }
}

/// What the file has, whether it is instantiated or not.
#[derive(Default)]
struct Totals {
    components: u64,
    modules: u64,
    depth: u64,
    description: u64,
    functions: u64,
    items: u64,
    memory: u64,
    table_elements: u64,
    segment_elements: u64,
}

impl Totals {
    fn check(&self, limits: &Limits) -> Result<()> {
        let memory = limits.memory.try_into()?;
        let table_elements: u64 = limits.table_elements.try_into()?;
        let elements = table_elements.saturating_mul(limits.tables.into());
        for (count, most, what) in [
            (self.components, PARTS, "components in it"),
            (self.modules, PARTS, "core modules"),
            (self.depth, DEPTH, "components inside each other"),
            (self.description, DESCRIPTION, "bytes of types and names"),
            (self.functions, FUNCTIONS, "functions in its core modules"),
            (self.items, MODULE_ITEMS, "items in its core modules"),
            (self.memory, memory, "bytes of memory (Limits::memory)"),
            (self.table_elements, elements, TABLE_ELEMENTS),
            (self.segment_elements, elements, SEGMENT_ELEMENTS),
        ] {
            at_most(count, most, what)?;
        }
        Ok(())
    }
}

const TABLE_ELEMENTS: &str =
    "elements in its tables (Limits::table_elements for each of Limits::tables)";
const SEGMENT_ELEMENTS: &str =
    "elements in the segments of its tables (Limits::table_elements for each of Limits::tables)";

/// A component whose end is not read yet.
#[derive(Default)]
struct Open {
    /// By index. None: its cost is not known, because it comes from outside or from an instance.
    components: Vec<Option<Cost>>,
    cost: Cost,
}

#[derive(Default)]
struct Check {
    /// The component that is being read, last, and those that it is in.
    open: Vec<Open>,
    in_module: bool,
    totals: Totals,
    whole: Cost,
}

impl Check {
    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => self.end(),
            Payload::ModuleSection { .. } => add(&mut self.totals.modules, 1),
            Payload::ComponentSection { .. } => add(&mut self.totals.components, 1),
            // Types inside each other: the reader has a limit. That of the engine has none, and overflows the stack.
            Payload::ComponentTypeSection(types) => self.described(types, |_, _| Ok(()))?,
            Payload::CoreTypeSection(types) => self.described(types, |_, _| Ok(()))?,
            Payload::ComponentCanonicalSection(functions) => {
                self.described(functions, |_, _| Ok(()))?;
            }
            Payload::InstanceSection(instances) => self.described(instances, Self::instance)?,
            Payload::ComponentInstanceSection(instances) => {
                self.described(instances, Self::component_instance)?;
            }
            Payload::ComponentAliasSection(aliases) => self.described(aliases, Self::alias)?,
            Payload::ComponentImportSection(imports) => {
                self.described(imports, |check, import| {
                    if let ComponentTypeRef::Component(_) = import.ty {
                        check.component(None);
                    }
                    Ok(())
                })?;
            }
            Payload::ComponentExportSection(exports) => {
                self.described(exports, |check, export| {
                    if export.kind == ComponentExternalKind::Component {
                        check.component(check.known(0, export.index));
                    }
                    Ok(())
                })?;
            }
            Payload::FunctionSection(functions) => {
                add(&mut self.totals.functions, functions.count().into());
            }
            Payload::TypeSection(types) => self.items(&types),
            Payload::ImportSection(imports) => self.items(&imports),
            Payload::GlobalSection(globals) => self.items(&globals),
            Payload::ExportSection(exports) => self.items(&exports),
            Payload::DataSection(segments) => self.items(&segments),
            Payload::MemorySection(memories) => {
                self.items(&memories);
                for memory in memories {
                    let memory = memory?;
                    let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(16));
                    let size = memory.initial.saturating_mul(page.unwrap_or(u64::MAX));
                    add(&mut self.totals.memory, size);
                }
            }
            Payload::TableSection(tables) => {
                self.items(&tables);
                for table in tables {
                    add(&mut self.totals.table_elements, table?.ty.initial);
                }
            }
            Payload::ElementSection(segments) => {
                self.items(&segments);
                for segment in segments {
                    let count = match segment?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    add(&mut self.totals.segment_elements, count.into());
                }
            }
            // Code counts by its functions. The engine refuses what it does not know.
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, encoding: Encoding) {
        match encoding {
            Encoding::Module => self.in_module = true,
            Encoding::Component => {
                self.open.push(Open::default());
                self.totals.depth = self.totals.depth.max(self.open.len() as u64);
            }
        }
    }

    fn end(&mut self) {
        if self.in_module {
            self.in_module = false;
        } else if let Some(Open { cost, .. }) = self.open.pop() {
            if self.open.is_empty() {
                self.whole = cost;
            }
            self.component(Some(cost));
        }
    }

    fn items<T>(&mut self, section: &SectionLimited<'_, T>) {
        add(&mut self.totals.items, section.count().into());
    }

    /// Reads a section of a component.
    fn described<'a, T: FromReader<'a>>(
        &mut self,
        section: SectionLimited<'a, T>,
        item: impl Fn(&mut Self, T) -> Result<()>,
    ) -> Result<()> {
        let range = section.range();
        let size = range.end.saturating_sub(range.start);
        add(&mut self.totals.description, size);
        // Before memory is needed to read it.
        let what = "bytes of types and names";
        at_most(self.totals.description, DESCRIPTION, what)?;
        self.cost(Cost {
            items: section.count().into(),
            ..Cost::default()
        });
        section.into_iter().try_for_each(|read| item(self, read?))
    }

    fn instance(&mut self, instance: Instance<'_>) -> Result<()> {
        if let Instance::Instantiate { .. } = instance {
            self.cost(Cost {
                core_instances: 1,
                ..Cost::default()
            });
        }
        Ok(())
    }

    fn component_instance(&mut self, instance: ComponentInstance<'_>) -> Result<()> {
        if let ComponentInstance::Instantiate {
            component_index, ..
        } = instance
        {
            let known = self.known(0, component_index);
            let unknown = "it instantiates a component that it imports or gets from an instance";
            self.cost(known.ok_or_else(|| Error::msg(unknown))?);
            self.cost(Cost {
                instances: 1,
                ..Cost::default()
            });
        }
        Ok(())
    }

    fn alias(&mut self, alias: ComponentAlias<'_>) -> Result<()> {
        match alias {
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Component,
                count,
                index,
            } => self.component(self.known(count, index)),
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Component,
                ..
            } => self.component(None),
            _ => {}
        }
        Ok(())
    }

    /// The cost of a component by its index, in the component that is `outward` around the one that is being read.
    fn known(&self, outward: u32, index: u32) -> Option<Cost> {
        let open = self.open.iter().rev().nth(outward.try_into().ok()?)?;
        *open.components.get(usize::try_from(index).ok()?)?
    }

    /// Gives a component the next index.
    fn component(&mut self, cost: Option<Cost>) {
        if let Some(open) = self.open.last_mut() {
            open.components.push(cost);
        }
    }

    fn cost(&mut self, cost: Cost) {
        if let Some(open) = self.open.last_mut() {
            open.cost.add(cost);
        }
    }
}

fn add(total: &mut u64, more: u64) {
    *total = total.saturating_add(more);
}

fn at_most(count: u64, most: u64, what: &str) -> Result<()> {
    if count > most {
        return Err(Error::msg(format!("it has more than {most} {what}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome(text: &str) -> String {
        let component = wat::parse_str(format!("(component {text})")).unwrap();
        match check(&component, &Limits::default()) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
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

    #[test]
    fn what_a_component_is_composed_of_passes() {
        let instances = "(instance (instantiate $c4))".repeat(30);
        let modules = "(core module) (core module $m (table 100 funcref) (memory 2))";
        let exported = r#"(export $e "a" (component $c4)) (instance (instantiate $e))"#;
        let made = "(core instance (instantiate $m))".repeat(3);
        let whole = format!("{} {modules} {made} {instances} {exported}", doubling(4));
        assert_eq!(outcome(&whole), "");
    }

    #[test]
    fn what_is_too_large_is_named() {
        let each = |count: usize, text: &str| text.repeat(count);
        let inside = |depth: usize, open: &str| each(depth, open) + &each(depth, ")");
        let cases = [
            (each(1_001, "(component)"), "1000 components in it"),
            (each(1_001, "(core module)"), "1000 core modules"),
            (inside(32, "(component "), "32 components inside"),
            (
                format!("(core module {})", each(20_001, "(func)")),
                "20000 functions",
            ),
            (
                format!(
                    "(core module {})",
                    each(20_001, "(global i32 (i32.const 0))")
                ),
                "20000 items in its core modules",
            ),
            (each(50_001, "(type bool)"), "50000 functions, aliases"),
            (
                format!(r#"(import "{}" (func))"#, "a".repeat(3 << 20)),
                "2097152 bytes of types and names",
            ),
            (
                "(core module (memory 129)) (core module (memory 128))".to_owned(),
                "16777216 bytes of memory (Limits::memory)",
            ),
            (
                "(core module (table 8193 funcref))".to_owned(),
                "8192 elements in its tables (Limits::table_elements",
            ),
            (
                format!(
                    "(core module (func) (table 1 funcref) (elem (i32.const 0) func {}))",
                    each(8_193, "0 ")
                ),
                "8192 elements in the segments",
            ),
            (
                format!(
                    "(core module $m) {}",
                    each(4, "(core instance (instantiate $m))")
                ),
                "3 core module instances (Limits::core_instances)",
            ),
            (
                format!("{} (instance (instantiate $c9))", doubling(9)),
                "1000 component instances",
            ),
            // More than a number of 64 bits can count.
            (
                format!("{} (instance (instantiate $c99))", doubling(99)),
                "1000 component instances",
            ),
            (
                format!(
                    "(component $c {}) {}",
                    each(1_000, "(type bool)"),
                    each(51, "(instance (instantiate $c))")
                ),
                "50000 functions, aliases",
            ),
            (
                r#"(import "a" (component $c)) (instance (instantiate $c))"#.to_owned(),
                "a component that it imports",
            ),
            (
                r#"(import "a" (instance $i (export "c" (component))))
                   (alias export $i "c" (component $c)) (instance (instantiate $c))"#
                    .to_owned(),
                "gets from an instance",
            ),
        ];
        for (text, words) in cases {
            let error = outcome(&text);
            assert!(error.contains(words), "{words}: {error}");
        }
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

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..8)) {
            let text = format!(
                r#"(component {} (core module $m (memory 1) (table 1 funcref) (func $f)
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
}
