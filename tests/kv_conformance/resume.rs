//! Going on from a cursor, and when there is no going on.

use aldis_etcd::kv::{CursorLoss, KvChange, KvError, WatchCursor};

use crate::follow::Followed;
use crate::subject::{Subject, Told};

const PREFIXES: [&str; 2] = ["c/a/", "c/b/"];

pub(crate) async fn tell(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    kv.put(&"c/a/0".into(), b"0").await.expect("put");
    let mut live = Followed::start(kv, &PREFIXES, None);
    let mut cursors = vec![live.next().await.expect("what is there").cursor];
    let mut updates = Vec::new();
    for number in 1..6_u8 {
        let keys = [format!("c/b/{number}"), format!("c/c/{number}"), format!("c/a/{number}")];
        let puts: Vec<_> = keys.iter().map(|key| KvChange::put(key.as_str(), vec![number])).collect();
        kv.transact(&[], &puts).await.expect("put");
        let batch = live.next().await.expect("a transaction");
        assert_eq!(batch.updates.len(), 2, "{batch:?}");
        cursors.push(batch.cursor);
        updates.extend(batch.updates);
    }
    for (place, cursor) in cursors.iter().enumerate() {
        let kept = WatchCursor::from_bytes(cursor.as_bytes()).expect("written by as_bytes");
        let mut resumed = Followed::start(kv, &PREFIXES, Some(kept));
        let behind = &updates[place * 2..];
        assert_eq!(resumed.collect(behind.len()).await, behind, "{}: from {cursor:?}", subject.name);
        told.tell("then", resumed.is_silent().await);
    }
    let mut whole = Followed::start(kv, &["c/a/"], Some(WatchCursor::none()));
    told.tell("from no cursor", whole.updates().await);
    let mut others = Followed::start(kv, &["c/c/"], cursors.get(3).copied());
    told.tell("the same place in other prefixes", others.collect(2).await);
    let mut all = Followed::start(kv, &[""], cursors.get(3).copied());
    told.tell("the same place in all keys", all.collect(6).await);
    tell_loss(subject, told, &cursors).await;
}

async fn tell_loss(subject: &Subject, told: &mut Told, cursors: &[WatchCursor]) {
    let kv = &subject.kv;
    let [first, .., last] = cursors else { panic!("several") };
    let bytes = last.as_bytes();
    let changed = |place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 0x10;
        WatchCursor::from_bytes(&bytes).expect("well formed")
    };
    told.tell("of another cluster", Followed::start(kv, &PREFIXES, Some(changed(4))).end().await);
    told.tell("ahead of the store", Followed::start(kv, &PREFIXES, Some(changed(14))).end().await);
    for place in [0, 20] {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().max(place + 1), 0);
        bytes[place] ^= 0x10;
        told.tell("not a cursor", WatchCursor::from_bytes(&bytes));
    }

    (subject.compact)();
    // A watch is opened one revision early, which is one too many for a cursor just before what is left.
    let mut before = bytes.to_vec();
    *before.last_mut().expect("a revision") -= 1;
    let before = WatchCursor::from_bytes(&before).expect("well formed");
    told.tell("just before it", Followed::start(kv, &PREFIXES, Some(before)).end().await);
    for prefixes in [&PREFIXES[..], &["c/a/"], &[""]] {
        let ended = Followed::start(kv, prefixes, Some(*first)).end().await;
        let is_compacted =
            matches!(ended, Err(KvError::CursorExpired { cause: CursorLoss::Compacted { .. } }));
        assert!(is_compacted, "{}: {ended:?}", subject.name);
        told.tell("compacted", ended);
        let mut kept = Followed::start(kv, prefixes, Some(*last));
        told.tell("the last is good", kept.is_silent().await);
        kv.put(&"c/a/0".into(), b"1").await.expect("put");
        told.tell("and goes on", kept.updates().await);
        kv.put(&"c/b/0".into(), b"1").await.expect("put");
    }
}
