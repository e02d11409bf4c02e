//! Many requests, many tenants, and strangers who make tenants up.

use rig::eventually;

use super::*;

#[tokio::test]
async fn requests_of_one_tenant_wait_for_one_read() {
    let bench = Bench::new();
    bench.put("acme", &document("one")).await;
    bench.reader.is(Mood::Slow);
    let loads: Vec<_> = (0..100)
        .map(|_| {
            let on_demand = bench.on_demand.clone();
            tokio::spawn(async move { on_demand.load("acme").await })
        })
        .collect();
    eventually("the read is under way", PATIENCE, || bench.reader.under_way() == 1).await;
    assert_eq!(bench.on_demand.reads_under_way(), 1);
    bench.reader.let_go(1);
    for load in loads {
        assert_eq!(ids(&load.await.expect("no panic").1.expect("is read")), "one");
    }
    assert_eq!(bench.reader.calls(), 1);
}

#[tokio::test]
async fn of_too_many_tenants_at_once_the_surplus_is_off_without_waiting() {
    let bench = Bench::with(|builder| builder.concurrent_reads(8).deadline(PATIENCE));
    bench.reader.is(Mood::Slow);
    // A quarter of the places is not for who is not known.
    let waiting: Vec<_> = (0..6)
        .map(|number| {
            let on_demand = bench.on_demand.clone();
            tokio::spawn(async move { on_demand.load(&format!("tenant {number}")).await })
        })
        .collect();
    eventually("six are under way", PATIENCE, || bench.reader.under_way() == 6).await;
    for number in 0..1_000 {
        let stranger = format!("stranger {number}");
        let (outcome, directives) = bench.on_demand.load(&stranger).await;
        assert_eq!((outcome, directives), (fetched(FetchOutcome::Busy), Err(LoadError::Busy)));
        assert_eq!(bench.on_demand.decide(&stranger, &Request::EMPTY).await, Decision::OFF);
    }
    bench.reader.let_go(6);
    for load in waiting {
        assert_eq!(load.await.expect("no panic").0, fetched(FetchOutcome::Absent));
    }
    assert_eq!((bench.reader.most_under_way(), bench.reader.calls()), (6, 6));
    bench.reader.is(Mood::Good);
    assert_eq!(bench.load("stranger 1").await.0, fetched(FetchOutcome::Absent), "an error is not cached");
}

#[tokio::test]
async fn a_tenant_that_is_known_is_switched_off_in_time_while_strangers_come_in_a_flood() {
    let bench = Bench::with(|builder| builder.ttl(TTL).concurrent_reads(4).deadline(PATIENCE));
    bench.put("acme", &document("one")).await;
    bench.load("acme").await;
    bench.reader.is(Mood::Slow);
    let flood: Vec<_> = (0..100)
        .map(|number| {
            let on_demand = bench.on_demand.clone();
            tokio::spawn(async move { on_demand.load(&format!("stranger {number}")).await })
        })
        .collect();
    eventually("strangers are read", PATIENCE, || bench.reader.under_way() == 3).await;
    bench.put("acme", r#"{"directives":[]}"#).await;
    tokio::time::sleep(TTL * 2).await;
    let acme = bench.on_demand.clone();
    let acme = tokio::spawn(async move { acme.load("acme").await });
    eventually("acme is read, too", PATIENCE, || bench.reader.under_way() == 4).await;
    bench.reader.let_go(4);
    let directives = acme.await.expect("no panic").1.expect("it is read");
    assert_eq!((ids(&directives).as_str(), &directives.stale), ("", &None));
    for stranger in flood {
        stranger.await.expect("no panic").1.map(drop).unwrap_or_default();
    }
}

#[tokio::test]
async fn a_tenant_that_is_known_goes_on_while_strangers_take_all_places() {
    let bench = Bench::with(|builder| builder.ttl(TTL).concurrent_reads(1).deadline(PATIENCE));
    bench.put("acme", &document("one")).await;
    bench.load("acme").await;
    bench.reader.is(Mood::Slow);
    let stranger = bench.on_demand.clone();
    let stranger = tokio::spawn(async move { stranger.load("stranger").await });
    eventually("the stranger is read", PATIENCE, || bench.reader.under_way() == 1).await;
    tokio::time::sleep(TTL * 2).await;
    let (outcome, directives) = bench.load("acme").await;
    assert_eq!((outcome, ids(&directives).as_str()), (fetched(FetchOutcome::Busy), "one"));
    assert_eq!(directives.stale, Some(LoadError::Busy));
    bench.reader.let_go(1);
    assert!(stranger.await.expect("no panic").1.is_ok());
}

#[tokio::test(start_paused = true)]
async fn strangers_are_read_at_no_more_than_the_rate() {
    let bench = Bench::with(|builder| builder.reads_per_second(100));
    for second in 0..10 {
        for number in 0..1_000 {
            let _answer = bench.on_demand.load(&format!("stranger {second} {number}")).await;
        }
        // Virtual.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // A second's worth at once, and then as many as become due.
    assert!((1_000..=1_100).contains(&bench.reader.calls()), "{}", bench.reader.calls());
}

#[tokio::test]
async fn strangers_do_not_grow_the_memory_nor_drive_out_who_is_asked_for_often() {
    let bench = Bench::with(|builder| builder.capacity(1 << 20).reads_per_second(u32::MAX));
    bench.put("acme", &document("one")).await;
    bench.load("acme").await;
    for number in 0..20_000 {
        bench.load(&format!("stranger {number}")).await;
        assert_eq!(ids(&bench.load("acme").await.1), "one");
    }
    // 512 bytes and its name is the least that one counts.
    assert!(bench.on_demand.cached().await <= 2_048, "{}", bench.on_demand.cached().await);
    assert!(bench.reader.calls() < 20_010, "{}", bench.reader.calls());
}

#[tokio::test]
async fn documents_beyond_the_capacity_are_read_again_and_the_latest_are_remembered() {
    let bench =
        Bench::with(|builder| builder.ttl(Duration::ZERO).capacity(1 << 20).reads_per_second(u32::MAX));
    for number in 0..2_000 {
        bench.put(&number.to_string(), &document(&format!("id{number}"))).await;
        assert_eq!(ids(&bench.load(&number.to_string()).await.1), format!("id{number}"));
    }
    bench.reader.is(Mood::Failing(aldis_etcd::kv::KvError::LeaseExpired));
    assert_eq!(
        bench.on_demand.load("0").await.1.map(|_| ()),
        Err(LoadError::Read(aldis_etcd::kv::KvError::LeaseExpired))
    );
    assert_eq!(ids(&bench.load("1999").await.1), "id1999", "the latest is known");
}

#[tokio::test]
async fn a_document_that_alone_fills_the_memory_is_kept_all_the_same() {
    let bench = Bench::with(|builder| builder.ttl(Duration::ZERO).capacity(0));
    let directives: Vec<String> = (0..10_000)
        .map(|number| {
            format!(r#"{{"id":"{number}","level":"Shape","ttl_secs":600,"index":"index {number}"}}"#)
        })
        .collect();
    bench.put("huge", &format!(r#"{{"directives":[{}]}}"#, directives.join(","))).await;
    let end = bench.load("huge").await.1.set.latest_expiry();
    bench.put("other", &document("one")).await;
    bench.load("other").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(bench.load("huge").await.1.set.latest_expiry(), end, "it is known when it was first seen");
}
