//! Many documents, one set.

use std::collections::BTreeMap;
use std::sync::Arc;

use aldis_core::{CompileError, DirectiveSet};

use super::{Document, Key, Refusal, RefusalCause, Replaced, Slot, Unsettled};

/// How many documents are looked for one by one that do not fit. Each costs some attempts to compile, and nobody has
/// many: of more, everything later is refused.
const REFUSED_ONE_BY_ONE: usize = 16;

/// The set of all good documents, in key order.
///
/// Where it would be too large, of the documents that this step brought those are refused that do not fit to the earlier
/// ones, and what they were to replace stays in force. So an instance that has just started and lists everything at once
/// refuses those that an instance refused that saw them come one by one, unless it was earlier versions, gone by now, that
/// took the room. Room that comes free is given to those that were refused for want of it.
pub(super) fn merge(keys: &mut BTreeMap<Key, Slot>, unsettled: &mut Unsettled) -> Arc<DirectiveSet> {
    let known = if unsettled.has_room { readmit(keys, &mut unsettled.replaced) } else { BTreeMap::new() };
    let set = match compile(keys) {
        Ok(set) => return set,
        Err(error) => refuse_what_does_not_fit(keys, unsettled, error),
    };
    // Nothing new, and told of already.
    unsettled.refused.retain(|(key, refusal)| known.get(key) != Some(refusal));
    set
}

/// Puts in force, for a try, what did not fit earlier; what was told of each.
fn readmit(keys: &mut BTreeMap<Key, Slot>, replaced: &mut Replaced) -> BTreeMap<Key, Refusal> {
    let mut known = BTreeMap::new();
    for (key, slot) in keys {
        let Some(refusal) =
            slot.refusal.take_if(|refusal| matches!(refusal.cause, RefusalCause::Together(_)))
        else {
            continue;
        };
        known.insert(key.clone(), refusal);
        if let Ok(document) = Document::decode(&slot.newest) {
            let last_good = slot.good.replace(Arc::new(document));
            replaced.entry(key.clone()).or_insert(last_good);
        }
    }
    known
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
    unsettled: &mut Unsettled,
    error: CompileError,
) -> Arc<DirectiveSet> {
    let mut brought: Vec<Brought> = unsettled
        .replaced
        .iter()
        .filter_map(|(key, last_good)| {
            let document = Arc::clone(keys.get(key)?.good.as_ref()?);
            Some(Brought { key: key.clone(), document, last_good: last_good.clone(), is_refused: false })
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
        // Unless something newer was malformed.
        if let Some(slot) = keys.get_mut(&key).filter(|slot| slot.newest.revision == refusal.revision) {
            slot.refusal = Some(refusal.clone());
        }
        unsettled.refused.push((key, refusal));
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

/// The same set by the wall clock, as others are told it; another one only while a document of it is translated.
pub(super) fn told(keys: &BTreeMap<Key, Slot>, set: &Arc<DirectiveSet>) -> Arc<DirectiveSet> {
    match good(keys).all(|document| Arc::ptr_eq(&document.set, &document.told)) {
        true => Arc::clone(set),
        // It has the size of one that fits.
        false => compiled(good(keys).map(|document| &document.told)).unwrap_or_else(|_| Arc::clone(set)),
    }
}

fn compile(keys: &BTreeMap<Key, Slot>) -> Result<Arc<DirectiveSet>, CompileError> {
    compiled(good(keys).map(|document| &document.set))
}

fn good(keys: &BTreeMap<Key, Slot>) -> impl Iterator<Item = &Arc<Document>> {
    keys.values().filter_map(|slot| slot.good.as_ref())
}

fn compiled<'s>(
    sets: impl Iterator<Item = &'s Arc<DirectiveSet>>,
) -> Result<Arc<DirectiveSet>, CompileError> {
    let sets: Vec<_> = sets.collect();
    match sets.as_slice() {
        [] => Ok(Arc::new(DirectiveSet::empty())),
        [only] => Ok(Arc::clone(only)),
        several => DirectiveSet::from_directives(several.iter().flat_map(|set| set.iter())).map(Arc::new),
    }
}
