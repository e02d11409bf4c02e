//! A watch under whose prefixes nothing happens, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::{Revision, WatchCursor};

use crate::follow::Followed;
use crate::subject::{Backend, Subject};

async fn puts(kv: &Arc<dyn Backend>, count: usize) {
    for _ in 0..count {
        kv.put(&"other".into(), b"1").await.expect("put");
    }
}

#[tokio::test(start_paused = true)]
async fn the_cursor_of_a_quiet_prefix_moves_on_and_outlives_a_compaction() {
    let memory = Subject::memory();
    let mut quiet = Followed::start(&memory.kv, &["q/"], None);
    let first = quiet.next().await.expect("what is there").cursor;
    puts(&memory.kv, 10).await;
    let second = quiet.next().await.expect("a newer cursor");
    assert_eq!((second.updates, second.cursor), (vec![], cursor_at(&first, 11)));
    (memory.compact)();
    puts(&memory.kv, 1).await;
    let mut resumed = Followed::start(&memory.kv, &["q/"], Some(second.cursor));
    kept_going(&memory.kv, &mut resumed).await;
    assert!(Followed::start(&memory.kv, &["q/"], Some(first)).end().await.is_err(), "that one is too old");
}

#[tokio::test(start_paused = true)]
async fn there_are_few_of_them_and_none_while_nothing_changes_anywhere() {
    let memory = Subject::memory();
    let mut quiet = Followed::start(&memory.kv, &["q/"], None);
    quiet.next().await.expect("what is there");
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(quiet.batches.try_recv().is_err());
    for _ in 0..1_000 {
        puts(&memory.kv, 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut handed_out = 0;
    while let Ok(batch) = quiet.batches.try_recv() {
        assert_eq!(batch.updates, []);
        handed_out += 1;
    }
    assert!((7..=10).contains(&handed_out), "{handed_out} in 100 s");
}

async fn kept_going(kv: &Arc<dyn Backend>, followed: &mut Followed) {
    kv.put(&"q/1".into(), b"1").await.expect("put");
    assert_eq!(followed.collect(1).await.len(), 1);
}

fn cursor_at(like: &WatchCursor, revision: u64) -> WatchCursor {
    let mut bytes = like.as_bytes().to_vec();
    let at = bytes.len() - 8;
    bytes[at..].copy_from_slice(&Revision::new(revision).as_u64().to_be_bytes());
    WatchCursor::from_bytes(&bytes).expect("well formed")
}
