//! Many documents, one set.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_core::{CompileError, DirectiveSet};

use super::{Document, Key, Outcome, Refusal, RefusalCause, Replaced, Slot};

/// The set of all good documents, in key order.
///
/// Where it would be too large, the latest of the documents that this step brought are refused, as many as need be, and
/// what they were to replace stays in force. So an instance that has just started and lists everything at once refuses
/// the same ones as an instance that saw them come one by one.
pub(super) fn merge(
    keys: &mut BTreeMap<Key, Slot>,
    replaced: Replaced,
    outcome: &mut Outcome,
) -> Arc<DirectiveSet> {
    match compile(keys) {
        Ok(set) => set,
        Err(error) => refuse_latest(keys, replaced, error, outcome),
    }
}

/// A document that this step brought, and what it replaced.
struct Brought {
    key: Key,
    document: Arc<Document>,
    last_good: Option<Arc<Document>>,
}

fn refuse_latest(
    keys: &mut BTreeMap<Key, Slot>,
    replaced: Replaced,
    error: CompileError,
    outcome: &mut Outcome,
) -> Arc<DirectiveSet> {
    let mut brought: Vec<Brought> = replaced
        .into_iter()
        .filter_map(|(key, last_good)| {
            let document = Arc::clone(keys.get(&key)?.good.as_ref()?);
            Some(Brought { key, document, last_good })
        })
        .collect();
    brought.sort_by_key(|brought| brought.document.version.revision);
    // Bisection: with none of them it is what was in force, less what was deleted, and that fitted.
    let (mut fits, mut too_many) = (0, brought.len());
    while too_many - fits > 1 {
        let half = fits.midpoint(too_many);
        admit(keys, &brought, half);
        match compile(keys) {
            Ok(_) => fits = half,
            Err(_) => too_many = half,
        }
    }
    admit(keys, &brought, fits);
    for Brought { key, document, .. } in brought.into_iter().skip(fits) {
        let refusal = Refusal { revision: document.version.revision, cause: RefusalCause::Together(error) };
        if let Some(slot) = keys.get_mut(&key) {
            slot.refusal = Some(refusal.clone());
        }
        outcome.refused.push((key, refusal));
    }
    compile(keys).unwrap_or_else(|_| Arc::new(DirectiveSet::empty()))
}

/// Puts the first `count` in force, and in place of the others what they were to replace.
fn admit(keys: &mut BTreeMap<Key, Slot>, brought: &[Brought], count: usize) {
    for (place, Brought { key, document, last_good }) in brought.iter().enumerate() {
        if let Some(slot) = keys.get_mut(key) {
            slot.good = if place < count { Some(Arc::clone(document)) } else { last_good.clone() };
        }
    }
}

fn compile(keys: &BTreeMap<Key, Slot>) -> Result<Arc<DirectiveSet>, CompileError> {
    let good: Vec<&Arc<DirectiveSet>> =
        keys.values().filter_map(|slot| Some(&slot.good.as_ref()?.set)).collect();
    match good.as_slice() {
        [] => Ok(Arc::new(DirectiveSet::empty())),
        [only] => Ok(Arc::clone(only)),
        several => DirectiveSet::from_directives(several.iter().flat_map(|set| set.iter())).map(Arc::new),
    }
}
