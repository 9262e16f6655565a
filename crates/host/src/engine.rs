//! The engine: what is set up once and shared by all calls.

use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
    Result, WasmFeatures,
};

use crate::cache::CodeCache;
use crate::limits::Limits;

/// How long a guest computes before it yields to the calls beside it.
const TICK: Duration = Duration::from_millis(10);

const MEMORIES: u32 = 1;

/// What the engine keeps for each core instance of a call, in bytes: its globals and imports, and a part of what it keeps
/// for the component. The project's component needs a tenth of it.
const CORE_INSTANCE: usize = 32 << 10;

/// What no limit here bounds. It is off without these too, unless another crate of the program turns on the features of
/// wasmtime for it.
const UNBOUNDED: WasmFeatures = WasmFeatures::THREADS
    .union(WasmFeatures::GC)
    .union(WasmFeatures::CM_ASYNC);

/// How many bytes of written memory are zeroed and kept for the next call. Returning them to the system costs several
/// times as much, in system calls and page faults. A call for one clip writes less than this.
const MEMORY_KEPT: usize = 128 << 10;
const STACK_KEPT: usize = 64 << 10;
const TABLE_KEPT: usize = 64 << 10;

pub(crate) fn new(limits: &Limits, cache: Option<&CodeCache>) -> Result<Engine> {
    let calls = limits.concurrent_calls.get();
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .max_core_instances_per_component(limits.core_instances)
        .max_component_instance_size(instance_size(limits))
        .total_core_instances(calls.saturating_mul(limits.core_instances))
        .max_memories_per_component(MEMORIES)
        .total_memories(calls.saturating_mul(MEMORIES))
        .max_memory_size(limits.memory)
        .max_tables_per_component(limits.tables)
        .total_tables(calls.saturating_mul(limits.tables))
        .table_elements(limits.table_elements)
        .total_stacks(calls)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .async_stack_keep_resident(STACK_KEPT)
        .table_keep_resident(TABLE_KEPT)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .cache(cache.map(CodeCache::engine_cache))
        .epoch_interruption(true)
        .wasm_features(UNBOUNDED, false)
        // Both describe where in the guest a trap occurred. The component has no function names to report, and
        // without these there is less to load. Windows requires the unwind information.
        .generate_address_map(false)
        .native_unwind_info(cfg!(windows))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    if limits.compact {
        // Without room for every address that a guest can name, its code checks each of them.
        config
            .memory_reservation(u64::try_from(limits.memory)?)
            .memory_guard_size(0);
    }
    let engine = Engine::new(&config)?;
    tick(engine.weak())?;
    Ok(engine)
}

fn instance_size(limits: &Limits) -> usize {
    let core_instances = usize::try_from(limits.core_instances).unwrap_or(usize::MAX);
    CORE_INSTANCE.saturating_mul(core_instances)
}

/// Advances the epoch for as long as the engine lives.
fn tick(engine: EngineWeak) -> Result<()> {
    thread::Builder::new().name("epoch".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })?;
    Ok(())
}
