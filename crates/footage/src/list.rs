//! A list that is ordered by a key of its entries, and finds one by it.

use std::collections::BTreeMap;
use std::collections::btree_map::{IntoValues, Values};
use std::fmt::Debug;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a [`List`] holds.
pub trait Listed {
    /// What tells the entries apart.
    type Key: Clone + Debug + Ord;

    /// The key of this entry.
    fn key(&self) -> Self::Key;
}

/// A list in the order of its keys, with one entry for each. Its JSON is an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T: Listed>(BTreeMap<T::Key, T>);

impl<T: Listed> List<T> {
    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, in order.
    pub fn iter(&self) -> Values<'_, T::Key, T> {
        self.0.values()
    }

    /// The first entry.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    /// The entry with this key.
    #[must_use]
    pub fn get(&self, key: &T::Key) -> Option<&T> {
        self.0.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &T::Key) -> Option<&mut T> {
        self.0.get_mut(key)
    }

    /// Adds an entry in place of the one with its key.
    pub(crate) fn insert(&mut self, entry: T) {
        self.0.insert(entry.key(), entry);
    }

    pub(crate) fn remove(&mut self, key: &T::Key) {
        self.0.remove(key);
    }
}

impl<T: Listed> Default for List<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Listed> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let entries = entries.into_iter();
        Self(entries.map(|entry| (entry.key(), entry)).collect())
    }
}

impl<T: Listed> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = IntoValues<T::Key, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

impl<'a, T: Listed> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = Values<'a, T::Key, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Listed + PartialEq, const N: usize> PartialEq<[T; N]> for List<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        self.iter().eq(other)
    }
}

impl<T: Listed + Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de, T: Listed + Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}
