//! The reference page of the contract: every item of it with its words, for people who do not read WIT.
//!
//! `wit-bindgen markdown` leaves out what is said of exported interfaces, and has all of WASI in the same
//! page; so the page is made here.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use wit_parser::{
    Docs, Function, Interface, Package, Resolve, Span, TypeDef, TypeDefKind, TypeOwner, World,
    WorldItem,
};

use crate::contract::Contract;
use crate::wit_type;
use crate::workspace::Workspace;

/// The page, from the workspace's root.
const FILE: &str = "docs/WIT.md";

/// Writes the page.
///
/// # Errors
///
/// The contract cannot be read, or has something that the page has no form for; or the file cannot be
/// written.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let file = workspace.root().join(FILE);
    fs::write(&file, page(&Contract::of(workspace)?)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Sees that the page is the contract's.
///
/// # Errors
///
/// It is not, or the contract cannot be read.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let page = page(&Contract::of(workspace)?)?;
    let file = workspace.root().join(FILE);
    let found = fs::read_to_string(&file).unwrap_or_default();
    ensure!(
        found == page,
        "{FILE} is not what the contract says; run: cargo xtask wit-docs"
    );
    Ok(())
}

fn page(contract: &Contract) -> Result<String> {
    let package = contract.package()?;
    let resolve = &contract.resolve;
    let page = Page {
        resolve,
        names: names(resolve, package)?,
    };
    let mut text = format!("# `{}`\n\n", package.name);
    text += "<!-- Made of wit/clips.wit by `cargo xtask wit-docs`: change that. -->\n\n";
    page.docs(&mut text, &package.docs)?;
    text += "`option<T>` is a `T` or none, `list<T>` any number of them, `result<T, E>` a `T` or the error `E`.\n\
             What they become in a language is for its bindings to say.\n\n";
    page.contents(&mut text, package)?;
    for interface in interfaces(resolve, package) {
        page.interface(&mut text, interface)?;
    }
    for world in package
        .worlds
        .values()
        .filter_map(|id| resolve.worlds.get(*id))
    {
        page.world(&mut text, world)?;
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

/// The types and functions of `package`: each is a heading, and so a link.
///
/// # Errors
///
/// Two have one name, and so one link.
fn names<'a>(resolve: &'a Resolve, package: &'a Package) -> Result<BTreeSet<&'a str>> {
    let mut names = BTreeSet::new();
    for name in interfaces(resolve, package).flat_map(|interface| items(resolve, interface)) {
        ensure!(names.insert(name), "two items are named `{name}`");
    }
    Ok(names)
}

fn interfaces<'a>(
    resolve: &'a Resolve,
    package: &'a Package,
) -> impl Iterator<Item = &'a Interface> {
    let ids = package.interfaces.values();
    ids.filter_map(|id| resolve.interfaces.get(*id))
}

/// The names of the types and functions of `interface`.
fn items<'a>(resolve: &'a Resolve, interface: &'a Interface) -> impl Iterator<Item = &'a str> {
    let types = own_types(resolve, interface).map(|(name, _)| name);
    types.chain(interface.functions.keys().map(String::as_str))
}

/// What `interface` defines itself, as it stands there: not what it uses of another.
fn own_types<'a>(
    resolve: &'a Resolve,
    interface: &'a Interface,
) -> impl Iterator<Item = (&'a str, &'a TypeDef)> {
    let types = interface.types.iter();
    let types = types.filter_map(|(name, id)| Some((name.as_str(), resolve.types.get(*id)?)));
    let mut types: Vec<_> = types
        .filter(|(_, definition)| !is_used(resolve, definition))
        .collect();
    // The reader of WIT has them in the order in which they need each other.
    let start = |span: Span| span.is_known().then(|| span.start());
    types.sort_by_key(|(_, definition)| start(definition.span));
    types.into_iter()
}

/// Whether `definition` is a `use` of another interface's type.
fn is_used(resolve: &Resolve, definition: &TypeDef) -> bool {
    let TypeDefKind::Type(wit_parser::Type::Id(id)) = definition.kind else {
        return false;
    };
    let owner = resolve.types.get(id).map(|used| used.owner);
    matches!(owner, Some(TypeOwner::Interface(_))) && owner != Some(definition.owner)
}

/// What all parts of the page know.
struct Page<'a> {
    resolve: &'a Resolve,
    names: BTreeSet<&'a str>,
}

impl Page<'_> {
    fn contents(&self, text: &mut String, package: &Package) -> Result<()> {
        writeln!(text, "| | |\n| --- | --- |")?;
        for interface in interfaces(self.resolve, package) {
            let name = interface.name.as_deref().unwrap_or_default();
            let items = items(self.resolve, interface).map(link);
            let items = items.collect::<Vec<_>>().join(", ");
            writeln!(
                text,
                "| [interface `{name}`](#interface-{name}) | {items} |"
            )?;
        }
        for name in package.worlds.keys() {
            writeln!(text, "| [world `{name}`](#world-{name}) | |")?;
        }
        writeln!(text)?;
        Ok(())
    }

    fn interface(&self, text: &mut String, interface: &Interface) -> Result<()> {
        let name = interface.name.as_deref();
        let name = name.context("an interface of the package has no name")?;
        writeln!(text, "## Interface `{name}`\n")?;
        self.docs(text, &interface.docs)?;
        for (name, definition) in own_types(self.resolve, interface) {
            self.definition(text, name, definition)?;
        }
        for function in interface.functions.values() {
            self.function(text, function)?;
        }
        Ok(())
    }

    fn definition(&self, text: &mut String, name: &str, definition: &TypeDef) -> Result<()> {
        writeln!(text, "### `{name}`\n")?;
        let of = |ty| wit_type::html(self.resolve, ty);
        let (kind, head, rows) = match &definition.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let rows = fields.map(|field| Ok((&field.name, Some(of(&field.ty)?), &field.docs)));
                ("A record", "field", rows.collect::<Result<Vec<_>>>()?)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let rows = cases.map(|case| {
                    let payload = case.ty.as_ref().map(of).transpose()?;
                    Ok((&case.name, Some(payload.unwrap_or_default()), &case.docs))
                });
                ("A variant", "case", rows.collect::<Result<Vec<_>>>()?)
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter();
                let rows = cases.map(|case| (&case.name, None, &case.docs));
                ("An enum", "case", rows.collect())
            }
            other => bail!(
                "`{name}` is a {}, and the page has no form for that yet",
                other.as_str()
            ),
        };
        writeln!(text, "{kind}.\n")?;
        self.docs(text, &definition.docs)?;
        let typed = rows.iter().any(|(_, ty, _)| ty.is_some());
        writeln!(text, "| {head} |{} |", if typed { " type |" } else { "" })?;
        writeln!(text, "| --- |{} --- |", if typed { " --- |" } else { "" })?;
        for (name, ty, docs) in rows {
            let ty = ty.map(|ty| format!(" {ty} |")).unwrap_or_default();
            writeln!(text, "| `{name}` |{ty} {} |", self.cell(docs))?;
        }
        writeln!(text)?;
        Ok(())
    }

    fn function(&self, text: &mut String, function: &Function) -> Result<()> {
        writeln!(text, "### `{}`\n", function.name)?;
        writeln!(
            text,
            "<pre>{}</pre>\n",
            wit_type::signature(self.resolve, function)?
        )?;
        self.docs(text, &function.docs)
    }

    fn world(&self, text: &mut String, world: &World) -> Result<()> {
        writeln!(text, "## World `{}`\n", world.name)?;
        self.docs(text, &world.docs)?;
        for (verb, items) in [("Imports", &world.imports), ("Exports", &world.exports)] {
            let items = items.iter().map(|(key, item)| match item {
                WorldItem::Interface { id, .. } => {
                    let name = self.resolve.name_world_key(key);
                    let interface = self.resolve.interfaces.get(*id);
                    let own = interface.filter(|interface| interface.package == world.package);
                    Ok(match own.and_then(|interface| interface.name.as_deref()) {
                        Some(short) => format!("[`{name}`](#interface-{short})"),
                        None => format!("`{name}`"),
                    })
                }
                _ => bail!("world `{}` has more than interfaces", world.name),
            });
            writeln!(text, "{verb}:\n")?;
            for item in items.collect::<Result<Vec<_>>>()? {
                writeln!(text, "- {item}")?;
            }
            writeln!(text)?;
        }
        Ok(())
    }

    /// What is said of an item, as paragraphs.
    fn docs(&self, text: &mut String, docs: &Docs) -> Result<()> {
        if let Some(docs) = &docs.contents {
            writeln!(text, "{}\n", self.linked(docs.trim()))?;
        }
        Ok(())
    }

    /// What is said of an item, as a cell of a table.
    fn cell(&self, docs: &Docs) -> String {
        let docs = docs.contents.as_deref().unwrap_or_default().trim();
        let paragraphs = docs
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "));
        let cell = paragraphs.collect::<Vec<_>>().join("<br><br>");
        self.linked(&cell.replace('|', "\\|"))
    }

    /// `docs` with a link wherever an item of the page is named alone.
    fn linked(&self, docs: &str) -> String {
        let parts = docs.split('`').enumerate().map(|(index, part)| {
            match (index % 2 == 1, self.names.contains(part)) {
                (true, true) => link(part),
                (true, false) => format!("`{part}`"),
                (false, _) => part.to_owned(),
            }
        });
        parts.collect()
    }
}

fn link(name: &str) -> String {
    format!("[`{name}`](#{name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page of a package with one interface, which holds `items`.
    fn page_of(items: &str) -> Result<String> {
        let mut resolve = Resolve::default();
        let wit =
            format!("package a:b;\n/// One.\ninterface one {{ {items} }}\ninterface two {{ }}");
        let id = resolve.push_str("a.wit", &wit)?;
        page(&Contract { resolve, id })
    }

    #[test]
    fn every_item_is_there_with_its_words_and_links() {
        let page = page_of(
            "/// Many.
             record many { /// Some `other`, or | none.
                           items: list<option<other>> }
             /// Two ways.
             variant other { /// No.
                             no, yes(u8) }
             enum third { only }
             /// Counts `many`.
             count: func(of: many, deep: bool) -> result<u32, third>;",
        );
        let page = page.unwrap();
        for expected in [
            "## Interface `one`\n\nOne.\n",
            "### `many`\n\nA record.\n\nMany.\n",
            "| `items` | <code>list&lt;option&lt;<a href=\"#other\">other</a>&gt;&gt;</code> | \
             Some [`other`](#other), or \\| none. |",
            "| `no` |  | No. |\n| `yes` | <code>u8</code> |  |",
            "An enum.\n\n| case | |\n| --- | --- |\n| `only` |  |",
            "<pre>count: func(of: <a href=\"#many\">many</a>, deep: bool) -&gt; \
             result&lt;u32, <a href=\"#third\">third</a>&gt;</pre>",
            "Counts [`many`](#many).",
        ] {
            assert!(page.contains(expected), "{expected}\n\n{page}");
        }
        let items = "[`many`](#many), [`other`](#other), [`third`](#third), [`count`](#count)";
        assert!(page.contains(items), "{page}");
    }

    #[test]
    fn what_the_page_has_no_form_for_is_refused() {
        for (items, expected) in [
            ("resource file;", "resource"),
            ("f: func() -> stream<u8>;", "stream"),
            ("f: func() -> error-context;", "ErrorContext"),
        ] {
            let error = page_of(items).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn two_items_of_one_name_are_refused() {
        let mut resolve = Resolve::default();
        let wit = "package a:b; interface one { enum x { y } } interface two { x: func(); }";
        let id = resolve.push_str("a.wit", wit).unwrap();
        let error = page(&Contract { resolve, id }).unwrap_err().to_string();
        assert_eq!(error, "two items are named `x`");
    }
}
