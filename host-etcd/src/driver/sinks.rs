//! The sinks in their order, and the snapshots that some reader may still hold.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::mirror::Snapshot;
use crate::sink::{Sink, SinkError};

/// The sinks of one store.
pub(super) struct Sinks {
    sinks: Vec<Arc<dyn Sink>>,
    present: Option<Arc<Snapshot>>,
    retired: Vec<Arc<Snapshot>>,
}

impl Sinks {
    pub(super) fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks, present: None, retired: Vec::new() }
    }

    /// Hands the snapshot to each sink; which of them did not take it, and why.
    pub(super) fn apply(&mut self, snapshot: &Arc<Snapshot>) -> Vec<(&'static str, SinkError)> {
        let failures = self.sinks.iter().filter_map(|sink| {
            // One sink's panic is not to keep the snapshot from the others, nor to end the connection.
            let applied = catch_unwind(AssertUnwindSafe(|| sink.apply(snapshot)));
            let error = applied.unwrap_or_else(|_| Err(SinkError::new("it panicked"))).err()?;
            Some((sink.name(), error))
        });
        let failures = failures.collect();
        self.retired.extend(self.present.replace(Arc::clone(snapshot)));
        self.sweep();
        failures
    }

    /// Lets go of the retired snapshots that nobody else holds any more. Were they not kept until then, the last reader
    /// to let go would be a request's thread, and pay for freeing them.
    pub(super) fn sweep(&mut self) {
        self.retired
            .retain(|snapshot| Arc::strong_count(snapshot) > 1 || Arc::strong_count(&snapshot.set) > 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aldis_core::DirectiveSet;

    use super::*;
    use crate::kv::Revision;
    use crate::mirror::Digest;

    fn snapshot(revision: u64) -> Arc<Snapshot> {
        let set = Arc::new(DirectiveSet::empty());
        Arc::new(Snapshot::new(Revision::new(revision), Digest::of([]), set))
    }

    /// Takes odd revisions, refuses multiples of four, panics at the rest.
    struct Fussy(&'static str, Mutex<Vec<u64>>);

    impl Sink for Fussy {
        fn name(&self) -> &'static str {
            self.0
        }

        fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
            match snapshot.revision.as_u64() {
                odd if odd % 2 == 1 => self.1.lock().expect("unbroken").push(odd),
                four if four % 4 == 0 => return Err(SinkError::new("a multiple of four")),
                other => panic!("{other}"),
            }
            Ok(())
        }
    }

    #[test]
    fn each_sink_is_asked_whatever_the_others_do() {
        let fussy = ["one", "two"].map(|name| Arc::new(Fussy(name, Mutex::default())));
        let as_sinks = fussy.iter().map(|sink| Arc::<Fussy>::clone(sink) as Arc<dyn Sink>).collect();
        let mut sinks = Sinks::new(as_sinks);
        let failures =
            |name| [SinkError::new("a multiple of four"), SinkError::new("it panicked")].map(|e| (name, e));
        let failed: Vec<_> = (1..=5).flat_map(|revision| sinks.apply(&snapshot(revision))).collect();
        let ([four_one, two_one], [four_two, two_two]) = (failures("one"), failures("two"));
        assert_eq!(failed, [two_one, two_two, four_one, four_two]);
        for sink in fussy {
            assert_eq!(*sink.1.lock().expect("unbroken"), [1, 3, 5]);
        }
    }

    #[test]
    fn a_retired_snapshot_is_kept_until_nobody_holds_it_or_its_set() {
        let mut sinks = Sinks::new(Vec::new());
        let first = snapshot(1);
        let (weak, set) = (Arc::downgrade(&first), Arc::clone(&first.set));
        sinks.apply(&first);
        sinks.apply(&snapshot(2));
        sinks.sweep();
        drop(first);
        assert!(weak.upgrade().is_some(), "dropped last by a reader, it would be the reader who pays");
        sinks.sweep();
        assert!(weak.upgrade().is_some(), "somebody still holds the set");
        drop(set);
        sinks.sweep();
        assert!(weak.upgrade().is_none());
        assert!(sinks.present.is_some_and(|present| present.revision == Revision::new(2)));
    }
}
