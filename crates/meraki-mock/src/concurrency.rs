//! Measures how many requests are in progress at once.

use std::sync::Mutex;

use crate::sync::lock;

/// Counts the requests in progress, and remembers the maximum.
#[derive(Debug, Default)]
pub(crate) struct ConcurrencyGauge(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    current: usize,
    max: usize,
}

impl ConcurrencyGauge {
    /// Counts one request until the guard is dropped, also when the client goes away.
    pub(crate) fn enter(&self) -> ConcurrencyGuard<'_> {
        let mut count = lock(&self.0);
        count.current += 1;
        count.max = count.max.max(count.current);
        ConcurrencyGuard(self)
    }

    /// The maximum so far.
    pub(crate) fn max(&self) -> usize {
        lock(&self.0).max
    }
}

/// A request in progress.
pub(crate) struct ConcurrencyGuard<'a>(&'a ConcurrencyGauge);

impl Drop for ConcurrencyGuard<'_> {
    fn drop(&mut self) {
        lock(&self.0.0).current -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_maximum() {
        let gauge = ConcurrencyGauge::default();
        drop(gauge.enter());
        let two = [gauge.enter(), gauge.enter()];
        drop(two);
        drop(gauge.enter());
        assert_eq!(gauge.max(), 2);
    }
}
