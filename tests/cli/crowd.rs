//! A thousand clients that wait and a thousand that listen: one publication reaches them all, and each costs little.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rig::http::{Client, Events, Question, ask};
use rig::say;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Scratch;
use crate::served::{SOON, Served, TOKEN};

const EACH: usize = 1000;

/// Memory of the relay for each client, sockets of the kernel not counted.
const MOST_BYTES_EACH: u64 = 48 << 10;

const ONE: &str = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":600,"tenant":"acme"}]}"#;

#[test]
fn one_publication_reaches_two_thousand_clients() {
    rig::open_files(2 * EACH + 200);
    let scratch = Scratch::new();
    let served = Served::start(&["--token-file", &scratch.file("tokens", TOKEN)]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (last, each) = runtime.block_on(crowd(&served));
    say(&format!(
        "relay: {} clients, the last has it after {} ms, {each} bytes each",
        2 * EACH,
        last.as_millis()
    ));
    assert!(last < SOON, "{last:?}");
    assert!(each < MOST_BYTES_EACH, "{each} bytes for each client");
    assert_eq!(served.end("-TERM"), 0);
}

/// How long it took until the last of them had it, and the memory for each.
async fn crowd(served: &Served) -> (Duration, u64) {
    let address = served.address();
    let etag = ask(address, Question::get("/v1/image")).await.header("etag").to_owned();
    let before = served.resident_bytes();
    let ready = Arc::new(Barrier::new(2 * EACH + 1));
    let mut clients = JoinSet::new();
    for _ in 0..EACH {
        let (ready, etag) = (Arc::clone(&ready), etag.clone());
        clients.spawn(async move {
            let mut client = Client::connect(address).await;
            ready.wait().await;
            let question = Question::get("/v1/image?wait=60s").header("if-none-match", etag);
            assert_eq!(client.ask(question).await.header("aldis-revision"), "2");
            Instant::now()
        });
    }
    for _ in 0..EACH {
        let ready = Arc::clone(&ready);
        clients.spawn(async move {
            let mut client = Client::connect(address).await;
            let response = client.open(Question::get("/v1/events")).await.expect("an answer");
            let mut events = Events::of(response);
            ready.wait().await;
            while !events.next().await.expect("goes on").data.contains("\"revision\":2") {}
            Instant::now()
        });
    }
    ready.wait().await;
    until_all_wait(address).await;
    let each = served.resident_bytes().saturating_sub(before) / (2 * EACH as u64);
    let begun = Instant::now();
    let put = Question::put("/v1/directives", ONE).header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(ask(address, put).await.status, 200);
    let all = clients.join_all().await;
    let last = all.into_iter().max().expect("there are some");
    (last.saturating_duration_since(begun), each)
}

async fn until_all_wait(address: SocketAddr) {
    let wait = async {
        let all = format!("aldis_relay_waiting {EACH}\n");
        while !ask(address, Question::get("/metrics")).await.text().contains(&all) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("all of them wait");
}
