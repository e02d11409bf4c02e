//! From what was taken in to the snapshot: what has changed, until it is in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_core::DirectiveSet;

use super::document::Document;
use super::{Digest, Key, Mirror, Outcome, Refusal, Revision, Snapshot, merge};

/// For each key whose document in force changed: what it was before, and is again if the new one does not fit.
pub(super) type Replaced = BTreeMap<Key, Option<Arc<Document>>>;

/// What was taken in and is not in force yet. The mirror keeps it until it is: a panic in between loses nothing of it.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    pub(super) replaced: Replaced,
    pub(super) refused: Vec<(Key, Refusal)>,
    /// The revision that it comes to; `None` if only time has passed.
    pub(super) revision: Option<Revision>,
    /// A document in force was removed, or replaced by another: there may be room for those that did not fit.
    pub(super) has_room: bool,
    /// The snapshot is made anew even if no document has changed.
    pub(super) is_new: bool,
    /// Something has changed that a record tells of.
    pub(super) is_news: bool,
}

impl Mirror {
    /// Puts what was taken in in force: makes the snapshot, if that changes anything.
    pub(super) fn settle(&mut self) -> Outcome {
        let is_other = !self.is_settled() || self.snapshot.is_none();
        if is_other {
            self.make_snapshot();
        }
        let Unsettled { refused, is_news, .. } = std::mem::take(&mut self.unsettled);
        let snapshot = self.snapshot.clone().filter(|_| is_other);
        Outcome { snapshot, refused, repaired: 0, is_news }
    }

    /// Whether the snapshot is of the keys as they are.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled.replaced.is_empty() && !self.unsettled.is_new
    }

    fn make_snapshot(&mut self) {
        let last = self.snapshot.as_ref().map_or(Revision::ZERO, |last| last.revision);
        let revision = self.unsettled.revision.unwrap_or(last);
        let set = merge::merge(&mut self.keys, &mut self.unsettled);
        self.snapshot = Some(Arc::new(self.snapshot_of(revision, self.digest(), set)));
        self.is_untold = false;
    }

    /// A set of the documents in force.
    pub(super) fn snapshot_of(&self, revision: Revision, digest: Digest, set: Arc<DirectiveSet>) -> Snapshot {
        Snapshot::new(revision, digest, merge::told(&self.keys, &set)).translated(set)
    }

    /// The digest of all documents in force; of one alone it is its own, which is known.
    fn digest(&self) -> Digest {
        let mut good = self.keys.iter().filter_map(|(key, slot)| Some((key, &slot.good.as_ref()?.version)));
        match (good.next(), good.next()) {
            (Some((_, only)), None) => only.digest,
            (first, second) => {
                let all = first.into_iter().chain(second).chain(good);
                Digest::of(all.map(|(key, version)| (key.as_bytes(), &*version.value)))
            }
        }
    }
}
