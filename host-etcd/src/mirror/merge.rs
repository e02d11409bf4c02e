//! Many documents, one set.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_core::{CompileError, DirectiveSet};

use super::{Document, Key, Outcome, Refusal, RefusalCause, Replaced, Slot};

/// How many documents are looked for one by one that do not fit. Each costs some attempts to compile, and nobody has
/// many: of more, everything later is refused.
const REFUSED_ONE_BY_ONE: usize = 16;

/// The set of all good documents, in key order.
///
/// Where it would be too large, of the documents that this step brought those are refused that do not fit to the earlier
/// ones, and what they were to replace stays in force. So an instance that has just started and lists everything at once
/// refuses those that an instance refused that saw them come one by one, unless it was earlier versions, gone by now, that
/// took the room.
pub(super) fn merge(
    keys: &mut BTreeMap<Key, Slot>,
    replaced: Replaced,
    outcome: &mut Outcome,
) -> Arc<DirectiveSet> {
    match compile(keys) {
        Ok(set) => set,
        Err(error) => refuse_what_does_not_fit(keys, replaced, error, outcome),
    }
}

/// A document that this step brought, and what it replaced.
struct Brought {
    key: Key,
    document: Arc<Document>,
    last_good: Option<Arc<Document>>,
    is_refused: bool,
}

fn refuse_what_does_not_fit(
    keys: &mut BTreeMap<Key, Slot>,
    replaced: Replaced,
    error: CompileError,
    outcome: &mut Outcome,
) -> Arc<DirectiveSet> {
    let mut brought: Vec<Brought> = replaced
        .into_iter()
        .filter_map(|(key, last_good)| {
            let document = Arc::clone(keys.get(&key)?.good.as_ref()?);
            Some(Brought { key, document, last_good, is_refused: false })
        })
        .collect();
    brought.sort_by_key(|brought| brought.document.version.revision);
    // With none of them it is what was in force, less what was deleted, and that fitted.
    let mut fits = 0;
    for _ in 0..REFUSED_ONE_BY_ONE {
        fits = first_that_does_not_fit(keys, &brought, fits);
        let Some(latest) = brought.get_mut(fits) else { break };
        latest.is_refused = true;
    }
    brought.iter_mut().skip(fits).for_each(|later| later.is_refused = true);
    admit(keys, &brought, brought.len());
    for Brought { key, document, .. } in brought.into_iter().filter(|brought| brought.is_refused) {
        let refusal = Refusal { revision: document.version.revision, cause: RefusalCause::Together(error) };
        if let Some(slot) = keys.get_mut(&key) {
            slot.refusal = Some(refusal.clone());
        }
        outcome.refused.push((key, refusal));
    }
    compile(keys).unwrap_or_else(|_| Arc::new(DirectiveSet::empty()))
}

/// By bisection: the first so many are known to fit. The number of all, if all do.
fn first_that_does_not_fit(keys: &mut BTreeMap<Key, Slot>, brought: &[Brought], mut fits: usize) -> usize {
    // Looked at first, because one is the rule.
    let (mut too_many, mut next) = (brought.len().saturating_add(1), brought.len());
    while too_many - fits > 1 {
        admit(keys, brought, next);
        match compile(keys) {
            Ok(_) => fits = next,
            Err(_) => too_many = next,
        }
        next = fits.midpoint(too_many);
    }
    fits
}

/// Puts the first `count` in force but for what is refused, and in place of the others what they were to replace.
fn admit(keys: &mut BTreeMap<Key, Slot>, brought: &[Brought], count: usize) {
    for (place, Brought { key, document, last_good, is_refused }) in brought.iter().enumerate() {
        if let Some(slot) = keys.get_mut(key) {
            let is_admitted = place < count && !is_refused;
            slot.good = if is_admitted { Some(Arc::clone(document)) } else { last_good.clone() };
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
