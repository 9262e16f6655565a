//! One client that is measured.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;

/// How many calls, and how many of them at a time.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Batch {
    pub calls: usize,
    pub in_flight: usize,
}

/// How long a batch took: each call of it, and all.
#[derive(Debug, serde::Deserialize)]
pub struct Sample {
    pub seconds: Vec<f64>,
    pub elapsed: f64,
}

pub trait Arm {
    fn name(&self) -> &str;

    /// Makes the calls; all of them have to give a URL.
    fn run(&mut self, batch: Batch) -> Result<Sample>;
}

type Call = Pin<Box<dyn Future<Output = Result<String>>>>;

/// An arm in this process.
pub struct Local<'a> {
    name: &'static str,
    runtime: &'a Runtime,
    call: Rc<dyn Fn() -> Call>,
}

impl<'a> Local<'a> {
    pub fn new<F>(name: &'static str, runtime: &'a Runtime, call: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Result<String>> + 'static,
    {
        Self {
            name,
            runtime,
            call: Rc::new(move || Box::pin(call())),
        }
    }
}

impl Arm for Local<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn run(&mut self, batch: Batch) -> Result<Sample> {
        let lane = async |calls: usize| {
            let mut seconds = Vec::with_capacity(calls);
            for _ in 0..calls {
                let started = Instant::now();
                let url = (self.call)().await?;
                seconds.push(started.elapsed().as_secs_f64());
                ensure!(url.starts_with("http"), "the call gave no URL");
            }
            Ok(seconds)
        };
        let started = Instant::now();
        let lanes = (0..batch.in_flight).map(|_| lane(batch.calls / batch.in_flight));
        let seconds = self.runtime.block_on(try_join_all(lanes))?.concat();
        Ok(Sample {
            seconds,
            elapsed: started.elapsed().as_secs_f64(),
        })
    }
}
