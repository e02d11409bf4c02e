use std::time::Duration;

use super::{Cluster, MEMBERS};
use crate::etcd::Etcd;
use crate::eventually_blocking;

const PATIENCE: Duration = Duration::from_secs(30);

fn holds(cluster: &Cluster, place: usize, value: &str) -> bool {
    let ask = ["get", "--consistency=s", "--print-value-only", "key", "--command-timeout=2s"];
    cluster.member(place).try_etcdctl(&ask).stdout == format!("{value}\n").as_bytes()
}

fn takes_writes(cluster: &Cluster, place: usize) -> bool {
    cluster.member(place).try_etcdctl(&["put", "other", "value", "--command-timeout=2s"]).status.success()
}

#[test]
fn it_lives_through_what_tests_do_to_it() {
    for version in Etcd::available() {
        let mut cluster = Cluster::start(&version);
        cluster.member(0).put("key", "one");
        for place in 0..MEMBERS {
            eventually_blocking("each member holds it", PATIENCE, || holds(&cluster, place, "one"));
        }
        let other = (cluster.leader() + 1) % MEMBERS;
        cluster.move_leader(other);
        assert_eq!(cluster.leader(), other, "{version}");

        // Its clients still reach it, but it neither learns nor writes; the others do.
        cluster.isolate(other);
        let elsewhere = (other + 1) % MEMBERS;
        eventually_blocking("the others elect", PATIENCE, || takes_writes(&cluster, elsewhere));
        cluster.member(elsewhere).put("key", "two");
        assert!(holds(&cluster, other, "one"), "{version}: {other} is not isolated");
        assert!(!takes_writes(&cluster, other), "{version}: {other} is not isolated");
        cluster.rejoin(other);
        eventually_blocking("it catches up", PATIENCE, || holds(&cluster, other, "two"));

        let leader = cluster.leader();
        cluster.kill(leader);
        let elsewhere = (leader + 1) % MEMBERS;
        eventually_blocking("the others elect", PATIENCE, || takes_writes(&cluster, elsewhere));
        assert_ne!(cluster.leader(), leader, "{version}");
        cluster.restart(leader);
        assert!(takes_writes(&cluster, leader), "{version}");
    }
}
