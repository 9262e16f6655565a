//! Medians and quartiles.

use serde::Serialize;

/// The median of many values, and their quartiles.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    pub fn of(values: &[f64]) -> Self {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (values.len().saturating_sub(1)) as f64 * share;
            values
                .get(index.round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Self {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        }
    }

    pub fn scaled(self, factor: f64) -> Self {
        Self {
            low: self.low * factor,
            median: self.median * factor,
            high: self.high * factor,
        }
    }
}
