//! What the scripted etcd holds: every write since the beginning. Small, so each read replays it.

use std::collections::BTreeMap;

use etcd_client::proto::{PbEvent, PbKeyValue, PbRangeRequest, PbRangeResponse};
use tonic::{Code, Status};

const PUT: i32 = 0;
const DELETE: i32 = 1;

pub(super) struct Content {
    revision: i64,
    compacted: i64,
    history: Vec<PbEvent>,
}

impl Default for Content {
    fn default() -> Self {
        // As an etcd that is made anew.
        Self { revision: 1, compacted: 0, history: Vec::new() }
    }
}

impl Content {
    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    pub(super) fn compacted(&self) -> i64 {
        self.compacted
    }

    pub(super) fn compact(&mut self) {
        self.compacted = self.revision;
    }

    /// Writes in one transaction; what has happened. A delete of a key that is not there is no event.
    pub(super) fn write(&mut self, writes: &[(&str, Option<&[u8]>)]) -> Vec<PbEvent> {
        let (next, present) = (self.revision + 1, self.at(self.revision));
        let event = |(key, value): &(&str, Option<&[u8]>)| {
            let last = present.get(key.as_bytes());
            let kv = PbKeyValue {
                key: key.as_bytes().to_vec(),
                value: value.unwrap_or_default().to_vec(),
                create_revision: last.map_or(next, |last| last.create_revision),
                mod_revision: next,
                version: last.map_or(1, |last| last.version + 1),
                lease: 0,
            };
            let r#type = if value.is_some() { PUT } else { DELETE };
            (value.is_some() || last.is_some()).then_some(PbEvent { r#type, kv: Some(kv), prev_kv: None })
        };
        let events: Vec<PbEvent> = writes.iter().filter_map(event).collect();
        if !events.is_empty() {
            self.revision = next;
            self.history.extend(events.iter().cloned());
        }
        events
    }

    /// Everything in the range from `revision` on, each transaction by itself.
    pub(super) fn since(&self, revision: i64, range: &Range) -> Vec<Vec<PbEvent>> {
        let mut transactions: BTreeMap<i64, Vec<PbEvent>> = BTreeMap::new();
        for event in &self.history {
            let kv = event.kv.as_ref().expect("every event has one");
            if kv.mod_revision >= revision && range.contains(&kv.key) {
                transactions.entry(kv.mod_revision).or_default().push(event.clone());
            }
        }
        transactions.into_values().collect()
    }

    /// Answers a read as if `revision` were the present; the header is the caller's.
    pub(super) fn range(&self, request: PbRangeRequest, revision: i64) -> Result<PbRangeResponse, Status> {
        let at = if request.revision > 0 { request.revision } else { revision };
        if at < self.compacted {
            return Err(refusal("etcdserver: mvcc: required revision has been compacted"));
        }
        if at > revision {
            return Err(refusal("etcdserver: mvcc: required revision is a future revision"));
        }
        let range = Range { key: request.key, end: request.range_end };
        let mut kvs: Vec<PbKeyValue> = self.at(at).into_values().collect();
        kvs.retain(|kv| range.contains(&kv.key));
        let count = kvs.len();
        if let Ok(limit @ 1..) = usize::try_from(request.limit) {
            kvs.truncate(limit);
        }
        let more = kvs.len() < count;
        if request.count_only {
            kvs.clear();
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        Ok(PbRangeResponse { kvs, more, count, ..PbRangeResponse::default() })
    }

    fn at(&self, revision: i64) -> BTreeMap<Vec<u8>, PbKeyValue> {
        let mut present = BTreeMap::new();
        for event in &self.history {
            let kv = event.kv.as_ref().expect("every event has one");
            if kv.mod_revision > revision {
                break;
            }
            match event.r#type {
                PUT => present.insert(kv.key.clone(), kv.clone()),
                _ => present.remove(&kv.key),
            };
        }
        present
    }
}

/// A range of keys as etcd writes it: without an end one key, and one zero byte for the end of all keys.
#[derive(Clone, Debug)]
pub(super) struct Range {
    pub(super) key: Vec<u8>,
    pub(super) end: Vec<u8>,
}

impl Range {
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        match self.end.as_slice() {
            [] => key == self.key,
            [0] => key >= self.key.as_slice(),
            end => key >= self.key.as_slice() && key < end,
        }
    }
}

fn refusal(text: &str) -> Status {
    Status::new(Code::OutOfRange, text)
}
