//! Checks the size of a component's parts before the engine reads it. A small file can describe gigabytes: parts that
//! contain two of the part before, or tables and memories that no call could have.

mod modules;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, FromReader, Instance, Parser, Payload, SectionLimited,
};
use wasmtime::{Error, Result};

use crate::limits::Limits;
use modules::Modules;

/// How deeply components contain components.
const DEPTH: u64 = 32;

/// The core modules of a component, the components in it, and the instances of components that it makes: each.
const PARTS: u64 = 1_000;

/// The items of the instances of components, such as aliases and functions. They count for each instance.
const ITEMS: u64 = 50_000;

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
        check.read(payload?)?;
        check.modules.check(limits)?;
    }
    let Cost {
        instances,
        core_instances,
        items,
    } = check.whole;
    at_most(instances, PARTS, "component instances")?;
    let what = "core module instances (Limits::core_instances)";
    at_most(core_instances, limits.core_instances.into(), what)?;
    let what = "functions, aliases and other items in its component instances";
    at_most(items, ITEMS, what)
}

/// What an instance of a component takes, with all instances that it makes.
#[derive(Clone, Copy, Default)]
struct Cost {
    instances: u64,
    core_instances: u64,
    items: u64,
}

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
    modules: Modules,
    components: u64,
    description: u64,
    whole: Cost,
}

impl Check {
    fn read(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => {
                self.end();
                Ok(())
            }
            // Types inside each other: this reader has a limit. That of the engine has none, and overflows the stack.
            Payload::ComponentTypeSection(types) => self.items(types, |_, _| Ok(())),
            Payload::CoreTypeSection(types) => self.items(types, |_, _| Ok(())),
            Payload::ComponentCanonicalSection(functions) => self.items(functions, |_, _| Ok(())),
            Payload::InstanceSection(instances) => self.items(instances, Self::core_instance),
            Payload::ComponentInstanceSection(instances) => self.items(instances, Self::instance),
            Payload::ComponentAliasSection(aliases) => self.items(aliases, Self::alias),
            Payload::ComponentImportSection(imports) => self.items(imports, |check, import| {
                if let ComponentTypeRef::Component(_) = import.ty {
                    check.component(None);
                }
                Ok(())
            }),
            Payload::ComponentExportSection(exports) => self.items(exports, |check, export| {
                if export.kind == ComponentExternalKind::Component {
                    check.component(check.known(0, export.index));
                }
                Ok(())
            }),
            other => self.modules.read(other),
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<()> {
        self.in_module = encoding == Encoding::Module;
        if self.in_module {
            return at_most(self.modules.begin(), PARTS, "core modules");
        }
        self.open.push(Open::default());
        self.components = self.components.saturating_add(1);
        at_most(self.components, PARTS, "components in it")?;
        let depth = self.open.len().try_into()?;
        at_most(depth, DEPTH, "components inside each other")
    }

    fn end(&mut self) {
        if self.in_module {
            self.in_module = false;
        } else if let Some(Open { cost, .. }) = self.open.pop() {
            self.component(Some(cost));
            self.whole = cost;
        }
    }

    /// Reads a section of a component.
    fn items<'a, T: FromReader<'a>>(
        &mut self,
        section: SectionLimited<'a, T>,
        item: impl Fn(&mut Self, T) -> Result<()>,
    ) -> Result<()> {
        let range = section.range();
        let size = range.end.saturating_sub(range.start);
        self.description = self.description.saturating_add(size);
        // Before it takes memory to read the items.
        at_most(self.description, DESCRIPTION, "bytes of types and names")?;
        self.pay(0, 0, section.count().into());
        let mut items = section.into_iter();
        items.try_for_each(|read| item(self, read?))
    }

    fn core_instance(&mut self, instance: Instance<'_>) -> Result<()> {
        if let Instance::Instantiate { .. } = instance {
            self.pay(0, 1, 0);
        }
        Ok(())
    }

    fn instance(&mut self, instance: ComponentInstance<'_>) -> Result<()> {
        let ComponentInstance::Instantiate {
            component_index, ..
        } = instance
        else {
            return Ok(());
        };
        let cost = self.known(0, component_index).ok_or_else(|| {
            Error::msg("it instantiates a component that it imports or gets from an instance")
        })?;
        let instances = cost.instances.saturating_add(1);
        self.pay(instances, cost.core_instances, cost.items);
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

    /// Adds to the cost of the component that is being read.
    fn pay(&mut self, instances: u64, core_instances: u64, items: u64) {
        if let Some(Open { cost, .. }) = self.open.last_mut() {
            cost.instances = cost.instances.saturating_add(instances);
            cost.core_instances = cost.core_instances.saturating_add(core_instances);
            cost.items = cost.items.saturating_add(items);
        }
    }
}

fn at_most(count: u64, most: u64, what: &str) -> Result<()> {
    if count > most {
        return Err(Error::msg(format!("it has more than {most} {what}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
