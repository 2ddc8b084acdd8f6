//! Metrics by name, in an order.

use crate::report::names::{SHARE_OF_EPISODES, unit};
use crate::statistics::Estimate;
use crate::text::{padded, width};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// Metrics of an evaluation by name, in the order in which they are shown. As JSON an object of
/// `{"mean", "low", "high"}`. No name is there twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(Vec<(String, Estimate)>);

impl Metrics {
    /// Adds a metric; of two with one name the first stays.
    pub fn insert(&mut self, name: &str, estimate: Estimate) {
        if self.get(name).is_none() {
            self.0.push((name.to_owned(), estimate));
        }
    }

    /// Every metric with its name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Estimate)> {
        let all = self.0.iter();
        all.map(|(name, estimate)| (name.as_str(), *estimate))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// A metric by name.
    pub fn get(&self, name: &str) -> Option<Estimate> {
        let found = self.iter().find(|(known, _)| *known == name);
        found.map(|(_, estimate)| estimate)
    }

    /// The means in a line.
    pub fn line(&self) -> String {
        let metric = |(name, estimate): (&str, Estimate)| format!("{name} {:.3}", estimate.mean);
        self.iter().map(metric).collect::<Vec<_>>().join("  ")
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let metrics = from.deserialize_map(Entries::<Estimate>(PhantomData))?;
        Ok(metrics.into_iter().collect())
    }
}

impl FromIterator<(String, Estimate)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (String, Estimate)>>(entries: I) -> Self {
        let mut metrics = Self::default();
        for (name, estimate) in entries {
            metrics.insert(&name, estimate);
        }
        metrics
    }
}

/// Those fields of an object that are metrics.
pub(super) fn among<'de, D: Deserializer<'de>>(from: D) -> Result<Metrics, D::Error> {
    let fields = from.deserialize_map(Entries::<Value>(PhantomData))?;
    // Whatever looks like a metric is one: which there are depends on the task.
    let metric = |(name, value): (String, Value)| Some((name, Estimate::deserialize(value).ok()?));
    Ok(fields.into_iter().filter_map(metric).collect())
}

/// The entries of a map, in their order.
struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// Whether a metric is known to be a share of episodes, such as success: 1 or 0 in each.
pub fn is_share_of_episodes(name: &str) -> bool {
    unit(name) == SHARE_OF_EPISODES
}

/// A table, a line each, with what a metric is in where that is known.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.names().map(width).max().unwrap_or(0);
        writeln!(f, "  {:widest$} {:>9}   95 % interval", "", "mean")?;
        let interval = |of: &Estimate| format!("{:.3} to {:.3}", of.low, of.high);
        let intervals: Vec<String> = self.0.iter().map(|(_, of)| interval(of)).collect();
        let wide = intervals.iter().map(String::len).max().unwrap_or(0);
        for ((name, Estimate { mean, .. }), interval) in self.0.iter().zip(&intervals) {
            let (name, unit) = (padded(name, widest), unit(name));
            let line = format!("  {name} {mean:>9.3}   {interval:wide$}   {unit}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
