//! A member that is cut off from the others, while its clients still reach it.

use aldis_etcd::State;
use rig::cluster::Cluster;
use rig::etcd::Etcd;

use super::{after, endpoints_from, following_one, put};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_quorum_is_left_for_another_or_waited_for_if_there_is_none() {
    for version in Etcd::available() {
        let cluster = Cluster::start(&version);
        put(&cluster, 0, "one");
        // The worse case: it believes that it leads, for a while.
        let lonely = cluster.leader();
        let fault = "member isolated from quorum";
        let [with_others, alone] = ["with others", "alone"].map(|how| format!("{fault}, {how} | {version}"));
        let (all, only) = tokio::join!(
            following_one(&with_others, endpoints_from(&cluster, lonely)),
            following_one(&alone, vec![cluster.member(lonely).endpoint()]),
        );
        let home = Some(cluster.member(lonely).endpoint());
        assert_eq!((all.status().endpoint, only.status().endpoint), (home.clone(), home.clone()));
        all.struck();
        only.struck();
        cluster.isolate(lonely);
        tokio::join!(all.notices_a_loss(), only.notices_a_loss());

        all.ordeal.publish("two");
        only.ordeal.publish("two");
        put(&cluster, after(lonely), "two");
        all.ordeal.stops();
        all.ends_on("two").await;
        assert_ne!(all.status().endpoint, home, "{version}");
        let status = only.status();
        assert_eq!((only.ids().as_str(), status.state), ("one", State::Stale), "{version}: {status:?}");

        cluster.rejoin(lonely);
        only.ordeal.stops();
        only.ends_on("two").await;
    }
}
