//! How many requests are in hand at once.

use std::sync::Mutex;

use crate::lock;

#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    now: usize,
    most: usize,
}

impl Crowd {
    /// Counts one more, until what this gives is dropped: a client that goes away, too, ends its request.
    pub(crate) fn enter(&self) -> Member<'_> {
        let mut count = lock(&self.0);
        count.now += 1;
        count.most = count.most.max(count.now);
        Member(self)
    }

    /// The most that there were at once.
    pub(crate) fn most(&self) -> usize {
        lock(&self.0).most
    }
}

/// A request in hand.
pub(crate) struct Member<'a>(&'a Crowd);

impl Drop for Member<'_> {
    fn drop(&mut self) {
        lock(&self.0.0).now -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_at_once_are_remembered() {
        let crowd = Crowd::default();
        drop(crowd.enter());
        let two = [crowd.enter(), crowd.enter()];
        drop(two);
        drop(crowd.enter());
        assert_eq!(crowd.most(), 2);
    }
}
