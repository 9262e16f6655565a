//! The core modules of a component.

use wasmparser::{ElementItems, FunctionBody, Payload, SectionLimited};
use wasmtime::Result;

use super::at_most;
use crate::limits::Limits;

/// The functions of all modules. The engine needs 6 KiB for each to compile it, even if it is empty.
const FUNCTIONS: u64 = 30_000;

/// The code of all modules, in bytes.
const CODE: u64 = 16 << 20;

/// The code of one function, in bytes. The engine needs up to 1 KiB for each byte, on each processor.
const FUNCTION: u64 = 512 << 10;

/// The code of one function, in bytes, times its variables. The engine may need memory for each variable in each block.
const VARIABLES: u64 = 64 << 20;

/// Other items of all modules, such as types, imports and segments.
const ITEMS: u64 = 20_000;

/// What the modules have, whether they are instantiated or not.
#[derive(Default)]
pub(super) struct Modules {
    modules: u64,
    functions: u64,
    code: u64,
    largest_function: u64,
    most_variables: u64,
    items: u64,
    memory: u64,
    table_elements: u64,
    segment_elements: u64,
    /// The most parameters or results of a type of the module that is being read.
    parameters: u64,
}

impl Modules {
    /// Begins a module, and gives how many there are.
    pub(super) fn begin(&mut self) -> u64 {
        self.parameters = 0;
        add(&mut self.modules, 1);
        self.modules
    }

    pub(super) fn read(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::TypeSection(types) => {
                self.items(&types);
                for function in types.into_iter_err_on_gc_types() {
                    let function = function?;
                    let most = function.params().len().max(function.results().len());
                    self.parameters = self.parameters.max(most.try_into()?);
                }
            }
            Payload::ImportSection(imports) => self.items(&imports),
            Payload::FunctionSection(functions) => {
                add(&mut self.functions, functions.count().into());
            }
            Payload::TableSection(tables) => {
                self.items(&tables);
                for table in tables {
                    add(&mut self.table_elements, table?.ty.initial);
                }
            }
            Payload::MemorySection(memories) => {
                self.items(&memories);
                for memory in memories {
                    let memory = memory?;
                    let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(16));
                    let size = memory.initial.saturating_mul(page.unwrap_or(u64::MAX));
                    add(&mut self.memory, size);
                }
            }
            Payload::GlobalSection(globals) => self.items(&globals),
            Payload::ExportSection(exports) => self.items(&exports),
            // The engine compiles code for each element of a segment whose place in the table it does not know.
            Payload::ElementSection(segments) => {
                self.items(&segments);
                for segment in segments {
                    let count = match segment?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    add(&mut self.segment_elements, count.into());
                }
            }
            Payload::DataSection(segments) => self.items(&segments),
            Payload::CodeSectionEntry(body) => self.function(&body)?,
            // The engine refuses what it does not know.
            _ => {}
        }
        Ok(())
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let size = body.as_bytes().len().try_into()?;
        let mut variables = self.parameters;
        for locals in body.get_locals_reader()? {
            add(&mut variables, locals?.0.into());
        }
        add(&mut self.code, size);
        self.largest_function = self.largest_function.max(size);
        self.most_variables = self.most_variables.max(variables.saturating_mul(size));
        Ok(())
    }

    fn items<T>(&mut self, section: &SectionLimited<'_, T>) {
        add(&mut self.items, section.count().into());
    }

    /// # Errors
    ///
    /// What there is too much of.
    pub(super) fn check(&self, limits: &Limits) -> Result<()> {
        let memory = limits.memory.try_into()?;
        let elements: u64 = limits.table_elements.try_into()?;
        let elements = elements.saturating_mul(limits.tables.into());
        for (count, most, what) in [
            (self.functions, FUNCTIONS, "functions"),
            (self.code, CODE, "bytes of code"),
            (self.largest_function, FUNCTION, "bytes in one function"),
            (self.most_variables, VARIABLES, TIMES_VARIABLES),
            (self.items, ITEMS, "types, imports and other module items"),
            (self.memory, memory, "bytes of memory (Limits::memory)"),
            (self.table_elements, elements, IN_TABLES),
            (self.segment_elements, elements, FOR_TABLES),
        ] {
            at_most(count, most, what)?;
        }
        Ok(())
    }
}

const TIMES_VARIABLES: &str = "bytes times variables in one function";
const IN_TABLES: &str = "elements in tables (Limits::tables times Limits::table_elements)";
const FOR_TABLES: &str = "elements for tables (Limits::tables times Limits::table_elements)";

fn add(total: &mut u64, more: u64) {
    *total = total.saturating_add(more);
}
