//! Puts, creates, compare-and-swaps, deletes, purges, transactions.

use aldis_etcd::kv::{Key, KvChange, KvCondition, KvError, Revision, VersionToken};

use crate::subject::{Subject, Told};

pub(crate) async fn tell(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    let key = Key::from("w/a");
    let created = kv.create(&key, b"1").await;
    told.tell("create", &created);
    told.tell("create again", kv.create(&key, b"2").await);
    let first = created.expect("created");
    let second = kv.update(&key, b"2", &first).await;
    told.tell("update", &second);
    told.tell("update from a version that is gone", kv.update(&key, b"3", &first).await);
    told.tell("delete from a version that is gone", kv.delete_with_version(&key, &first).await);
    let third = kv.put(&key, b"").await.expect("put");
    told.tell("an empty value", kv.get(&key).await.expect("get").1);
    told.tell("delete with version", kv.delete_with_version(&key, &third).await);
    told.tell("and again", kv.delete_with_version(&key, &third).await);
    told.tell("update of nothing", kv.update(&key, b"4", &third).await);
    let absent = VersionToken::from(Revision::ZERO);
    told.tell("delete nothing with the version of nothing", kv.delete_with_version(&key, &absent).await);
    told.tell("update nothing with the version of nothing", kv.update(&key, b"5", &absent).await);
    told.tell("again", kv.update(&key, b"6", &absent).await);
    told.tell("delete", kv.delete(&key).await);
    told.tell("delete nothing", kv.delete(&key).await);
    told.tell("create after delete", kv.create(&key, b"7").await);
    told.tell("purge", kv.purge(&key).await);
    told.tell("purge nothing", kv.purge(&key).await);
    told.tell("after purge", kv.get(&key).await.expect("get").1);
    tell_transactions(subject, told).await;
}

async fn tell_transactions(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    let put = |key: &str| KvChange::put(key, "t");
    let two = [put("w/2"), put("w/1"), KvChange::delete("w/none")];
    let revision = kv.transact(&[KvCondition::absent("w/1"), KvCondition::absent("w/2")], &two).await;
    told.tell("transaction", &revision);
    let version = VersionToken::from(revision.expect("done"));
    told.tell(
        "one of them is there",
        kv.transact(&[KvCondition::absent("w/0"), KvCondition::absent("w/2")], &two).await,
    );
    let wrong =
        [KvCondition::at("w/1", version), KvCondition::at("w/none", version), KvCondition::absent("w/1")];
    told.tell("the first that does not hold", kv.transact(&wrong, &two).await);
    told.tell("conditions alone", kv.transact(&[KvCondition::at("w/1", version)], &[]).await);
    told.tell("nothing at all", kv.transact(&[], &[]).await);
    told.tell("no effect", kv.transact(&[], &[KvChange::delete("w/none")]).await);
    let mixed = [KvChange::delete("w/1"), put("w/3")];
    told.tell("mixed", kv.transact(&[KvCondition::at("w/2", version)], &mixed).await);
    told.tell("what is left", kv.scan(&"w/".into()).await.expect("scan").entries);
}

pub(crate) async fn tell_refusals(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    let (key, empty) = (Key::from("r/a"), Key::from(""));
    let foreign = VersionToken::from_bytes(b"versionstm").expect("fits");
    told.tell("foreign token", kv.update(&key, b"", &foreign).await);
    told.tell("foreign token", kv.delete_with_version(&key, &foreign).await);
    told.tell("foreign token", kv.transact(&[KvCondition::at(key.clone(), foreign)], &[]).await);
    told.tell("no key", kv.put(&empty, b"").await);
    told.tell("no key", kv.get(&empty).await.map(drop));
    told.tell("no key", kv.entry(&empty).await.map(drop));
    told.tell("no key", kv.delete(&empty).await);
    told.tell("no key", kv.purge(&empty).await);
    told.tell("twice", kv.transact(&[], &[KvChange::put("r/a", ""), KvChange::delete("r/a")]).await);
    let many = |count: usize| -> Vec<_> {
        (0..count).map(|number| KvChange::put(format!("r/many/{number:03}").as_str(), "")).collect()
    };
    told.tell("too many", kv.transact(&[], &many(129)).await);
    told.tell("too many", kv.transact(&vec![KvCondition::absent("r/a"); 129], &[]).await);
    told.tell("as many as may be", kv.transact(&vec![KvCondition::absent("r/a"); 128], &many(128)).await);
    tell_sizes(subject, told).await;
    told.tell("nothing else has changed", kv.keys(&"r/a".into()).await);
}

/// At the limit and one past it, for a short key and a long one, for one change and for many.
async fn tell_sizes(subject: &Subject, told: &mut Told) {
    let kv = &subject.kv;
    for key in ["s/short".to_owned(), format!("s/{}", "long".repeat(500))] {
        let key = Key::from(key.as_str());
        let error = kv.put(&key, &vec![0; 2_000_000]).await.expect_err("too large");
        told.tell("too large", &error);
        let KvError::TooLarge { limit, .. } = error else { panic!("{error}") };
        told.tell("one past the limit", kv.create(&key, &vec![0; limit + 1]).await);
        let version = kv.create(&key, &vec![0; limit]).await;
        told.tell("the limit", &version);
        told.tell("as an update", kv.update(&key, &vec![1; limit], &version.expect("created")).await);
    }
    let changes = |bytes: usize| -> Vec<_> {
        (0..128).map(|number| KvChange::put(format!("s/{number:03}").as_str(), vec![0; bytes])).collect()
    };
    let conditions: Vec<_> =
        changes(0).iter().map(|change| KvCondition::absent(change.key().clone())).collect();
    let error = kv.transact(&conditions, &changes(20_000)).await.expect_err("too large");
    told.tell("together too large", &error);
    let KvError::TooLarge { limit, .. } = error else { panic!("{error}") };
    told.tell("together at the limit", kv.transact(&conditions, &changes(limit / 128)).await);
}
