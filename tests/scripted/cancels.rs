//! Watches that the server ends by a message, on a stream that stays open.

use std::time::Duration;

use rig::eventually;
use rig::ordeal::document;
use rig::scripted::{Beginning, WatchResponse, message};

use super::subject::SOON;
use super::{KEY, ends_on_two, following_one, lasts};

/// The server refuses every watch so; nothing comes of it but retries, until it does not.
async fn refused_with(fault: &str, says: Vec<WatchResponse>, cause: &str) {
    let (etcd, subject) = following_one(fault).await;
    subject.struck();
    etcd.begin_watches(Beginning { says, ends: None });
    etcd.say(&message::canceled(0, ""));
    subject.notices_a_loss().await;
    let told = || subject.status().last_error.is_some_and(|error| error.contains(cause));
    eventually(&format!("{fault}: it tells {cause:?}"), SOON, told).await;
    lasts(&etcd, Duration::from_secs(2)).await;
    ends_on_two(&etcd, &subject).await;
    let status = subject.status();
    assert!(status.cancels >= 2 && status.repairs == 0, "{fault}: {status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_at_create_is_retried_with_its_cause() {
    let denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    tokio::join!(
        refused_with(
            "cancel at create, with a reason",
            vec![message::refused(2, denied)],
            "permission denied"
        ),
        refused_with("cancel at create, without a reason", vec![message::refused(2, "")], "without a reason"),
        refused_with(
            "cancel at create, without a revision",
            vec![message::refused(0, "")],
            "without a reason"
        ),
        refused_with(
            "created, then cancelled without a reason",
            vec![message::created(2), message::canceled(0, "")],
            "without a reason",
        ),
        refused_with(
            "every watch is compacted away",
            vec![message::created(2), message::compacted(2)],
            "compacted",
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_in_mid_stream_is_acted_on_though_the_stream_stays_open() {
    let cancels = [
        ("cancel in mid-stream, without a reason", message::canceled(2, "")),
        ("cancel in mid-stream, with a reason", message::canceled(2, "etcdserver: no leader")),
        ("cancel by a compaction, without a revision", message::compacted(3)),
    ];
    for (fault, cancel) in cancels {
        let (etcd, subject) = following_one(fault).await;
        let cluster = subject.status().cluster_id;
        subject.ordeal.publish("two");
        subject.struck();
        etcd.put_unheard(&[(KEY, &document("two"))]);
        assert_eq!(etcd.say(&cancel), 1);
        subject.ordeal.noticed(|| subject.status().cancels == 1).await;
        subject.ordeal.stops();
        subject.ends_on("two").await;
        let status = subject.status();
        assert_eq!((status.cluster_id, status.cancels, status.repairs), (cluster, 1, 0), "{fault}");
    }
}
