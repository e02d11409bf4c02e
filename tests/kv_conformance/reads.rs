//! Single keys, keys of a prefix, entries of a prefix; and which keys a prefix means.

use aldis_etcd::kv::{Key, KvChange, Listing};

use crate::subject::{Subject, Told};

/// Around a prefix and its end, and bytes that are no text.
const KEYS: [&[u8]; 12] = [
    b"p",
    b"p/",
    b"p/\x00",
    b"p/1",
    b"p/\xff",
    b"p/\xff\xff",
    b"p0",
    b"p\xff",
    b"p\xff\xffx",
    b"q",
    b"\xff",
    b"\xff\xff",
];

const PREFIXES: [&[u8]; 11] =
    [b"p/", b"p", b"p/1", b"p/1/", b"p/\xff", b"p\xff", b"p\xff\xff", b"\xff", b"\xff\xff", b"none", b"\x00"];

pub(crate) async fn tell(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    for key in KEYS {
        kv.put(&key.into(), key).await.expect("put");
    }
    for key in [&b"p/"[..], b"p/\xff", b"none"] {
        let (header, entry) = kv.get(&key.into()).await.expect("get");
        told.tell("get", (header.revision, &entry));
        assert_eq!(kv.entry(&key.into()).await.expect("entry"), (header, entry), "there are no tombstones");
    }
    for prefix in PREFIXES {
        let Listing { header, entries } = kv.scan(&prefix.into()).await.expect("scan");
        told.tell("scan", (header.revision, &entries));
        let keys: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
        assert_eq!(kv.keys(&prefix.into()).await, Ok(keys), "{prefix:?}");
    }
    told.tell("every key", kv.keys(&"".into()).await);
    tell_pages(subject, told).await;
}

/// More than a page of keys, and more than an answer's worth of bytes: 12 MB.
async fn tell_pages(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    for hundred in 0..4 {
        let key = |number: usize| Key::from(format!("many/{hundred}/{number:03}").as_str());
        let changes: Vec<_> = (0..100).map(|number| KvChange::put(key(number), "x")).collect();
        kv.transact(&[], &changes).await.expect("put");
    }
    for number in 0..12 {
        kv.put(&format!("large/{number:02}").as_str().into(), &vec![b'x'; 1_000_000]).await.expect("put");
    }
    told.tell("many keys", kv.keys(&"many/".into()).await.map(|keys| (keys.is_sorted(), keys.len())));
    let large = kv.scan(&"large/".into()).await.expect("scan");
    let sizes: Vec<_> = large.entries.iter().map(|entry| (&entry.key, entry.value.len())).collect();
    told.tell("large values", (large.header.revision, sizes));
    told.tell("their keys", kv.keys(&"large/".into()).await);
    let everything = kv.scan(&"".into()).await.expect("scan");
    told.tell("everything", (everything.header.revision, everything.entries.len()));
    for prefix in ["large/", "many/"] {
        for keys in kv.keys(&prefix.into()).await.expect("keys").chunks(100) {
            let deletes: Vec<_> = keys.iter().cloned().map(KvChange::Delete).collect();
            kv.transact(&[], &deletes).await.expect("deleted");
        }
    }
}
