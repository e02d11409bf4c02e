//! What Envoy counts.

use std::time::Duration;

use super::Envoy;
use crate::wait::eventually_blocking;

impl Envoy {
    /// The value of a counter or gauge by its full name; `None` if there is none.
    ///
    /// # Panics
    ///
    /// When the administration does not answer.
    pub fn stat(&self, name: &str) -> Option<u64> {
        let stats = self.admin("/stats").expect("Envoy's administration answers");
        stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok())
    }

    /// One of the filter's, by the name that its README has for it; zero while there is none.
    pub fn counter(&self, name: &str) -> u64 {
        self.stat(&format!("wasmcustom.aldis.{name}")).unwrap_or(0)
    }

    /// Waits until one of the filter's is at least this.
    ///
    /// # Panics
    ///
    /// After `patience`.
    pub fn until_counter(&self, name: &str, least: u64, patience: Duration) {
        let what = format!("{name} reaches {least}");
        eventually_blocking(&what, patience, || self.counter(name) >= least);
    }
}
