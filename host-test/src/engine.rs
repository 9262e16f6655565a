//! The engine: what is set up once and shared by all calls.

use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, Result,
};

use crate::limits::{Limits, TABLE_ELEMENTS};

/// How long a guest computes before it yields to the calls beside it.
const TICK: Duration = Duration::from_millis(10);

/// The component is three core modules: its code, and two small ones that the component linker adds.
const CORE_INSTANCES_PER_CALL: u32 = 4;

pub(crate) fn new(limits: &Limits) -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(limits.concurrent_calls)
        .total_core_instances(
            limits
                .concurrent_calls
                .saturating_mul(CORE_INSTANCES_PER_CALL),
        )
        .total_memories(limits.concurrent_calls)
        .total_tables(
            limits
                .concurrent_calls
                .saturating_mul(CORE_INSTANCES_PER_CALL),
        )
        .total_stacks(limits.concurrent_calls)
        .max_memory_size(limits.memory)
        .table_elements(TABLE_ELEMENTS);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config)?;
    tick(engine.weak())?;
    Ok(engine)
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
