//! Clients that are slow, silent, endless or malicious: each is bounded, and good ones notice nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aldis_etcd::relay::Limits;
use rig::http::{Client, Question};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::{ONE, SOON, Served, allowed};

const SHORT: Limits = Limits {
    head: Duration::from_millis(800),
    body: Duration::from_millis(800),
    bodies: 2,
    connections: 40,
    ..Limits::STANDARD
};

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connects")
}

/// Sends what it has, and says what comes back until the connection is closed; within a time that says it was bounded.
async fn exchange(address: SocketAddr, sent: &[u8]) -> String {
    let mut stream = connect(address).await;
    // The relay may hang up before it has read all.
    let _ = stream.write_all(sent).await;
    until_closed(stream).await
}

async fn until_closed(mut stream: TcpStream) -> String {
    let mut got = Vec::new();
    let reading = async {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            got.extend_from_slice(&chunk[..count]);
        }
    };
    timeout(SOON, reading).await.expect("is closed");
    String::from_utf8_lossy(&got).into_owned()
}

async fn all_is_well(served: &Served) {
    let answer = timeout(SOON, served.get("/v1/image")).await.expect("at once");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_head_that_comes_in_drops_is_given_up() {
    let served = Served::limited(SHORT).await;
    let mut slow = connect(served.address).await;
    let (sending, begun) = (
        b"GET /v1/image HTTP/1.1\r\nhost: x\r\nx-slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        Instant::now(),
    );
    for byte in sending {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until_closed(slow).await;
    assert!(begun.elapsed() >= SHORT.head, "it had its time");
    all_is_well(&served).await;
}

#[tokio::test]
async fn a_body_that_comes_in_drops_is_given_up_also_where_many_do_so() {
    let served = Served::limited(SHORT).await;
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut stream = connect(served.address).await;
        stream
            .write_all(b"POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n{")
            .await
            .expect("is sent");
        slow.push(stream);
    }
    // Those who may publish, and those who ask little, do not stand in that line.
    let put = allowed(Question::put("/v1/directives", ONE));
    assert_eq!(timeout(SOON, served.ask(put)).await.expect("at once").status, 200);
    assert_eq!(served.ask(Question::post("/v1/check", ONE)).await.status, 200);
    all_is_well(&served).await;
    for stream in slow {
        let answer = until_closed(stream).await;
        assert!(answer.starts_with("HTTP/1.1 408") || answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let served = Served::limited(Limits { body: SOON, ..SHORT }).await;
    let said = exchange(
        served.address,
        b"POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\nconnection: close\r\n\r\n{",
    )
    .await;
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("body_too_large"), "{said}");
    let mut chunked =
        b"POST /v1/check HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            .to_vec();
    for _ in 0..18 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.extend(std::iter::repeat_n(b'x', 1 << 20));
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let said = exchange(served.address, &chunked).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{said}");
    // The largest document fits, and what is a byte more is refused as a document.
    let largest = 16 << 20;
    for (bytes, reason) in [(largest, "trailing_data"), (largest + 1, "body_too_large")] {
        let body = format!("{}{}", r#"{"directives":[]}"#, "x".repeat(bytes - 17));
        let answer = served.ask(Question::post("/v1/check", body)).await;
        assert_eq!((answer.status, &answer.json()["error"]["reason"]), (200, &serde_json::json!(reason)));
    }
    all_is_well(&served).await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_none_are_refused() {
    let served = Served::limited(SHORT).await;
    let thousand: String = (0..1000).map(|number| format!("x-{number}: y\r\n")).collect();
    for (what, head, statuses) in [
        ("a thousand headers", format!("GET /v1/image HTTP/1.1\r\nhost: x\r\n{thousand}\r\n"), &["431"][..]),
        (
            "a header of a megabyte",
            format!("GET /v1/image HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)),
            &["431"],
        ),
        (
            "a path of a megabyte",
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(1 << 20)),
            &["414", "431"],
        ),
        ("nonsense", "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), &["400"]),
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(), &["400"]),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &["400", "505"]),
        (
            "two lengths",
            "POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"
                .to_owned(),
            &["400"],
        ),
    ] {
        let said = exchange(served.address, head.as_bytes()).await;
        // Who sends more than is read may lose the answer to the reset of the connection.
        let is_refused =
            said.is_empty() || statuses.iter().any(|status| said.starts_with(&format!("HTTP/1.1 {status}")));
        assert!(is_refused, "{what}: {said}");
        all_is_well(&served).await;
    }
}

#[tokio::test]
async fn one_connection_more_than_there_are_places_is_closed_and_a_place_is_free_again_after_its_time() {
    let served = Served::limited(SHORT).await;
    let mut silent = Vec::new();
    for _ in 0..SHORT.connections {
        silent.push(connect(served.address).await);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(exchange(served.address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await, "");
    for stream in silent {
        until_closed(stream).await;
    }
    all_is_well(&served).await;
}

/// Clients that ask and never read: what they are sent is the set itself, and no copy of it.
#[tokio::test]
async fn a_client_that_does_not_read_keeps_nobody_waiting() {
    let served = Served::limited(SHORT).await;
    let directive = |number| {
        format!(r#"{{"id":"d{number}","level":"Shape","expires_at":"2040-01-01T00:00:00Z","tenant":"acme"}}"#)
    };
    let directives: Vec<String> = (0..12_000).map(directive).collect();
    served.put(&format!(r#"{{"directives":[{}]}}"#, directives.join(","))).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(served.address).await;
        for _ in 0..20 {
            stream.write_all(b"GET /v1/directives HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("is sent");
        }
        stuck.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..5 {
        all_is_well(&served).await;
    }
    let mut client = Client::connect(served.address).await;
    let answer = client.ask(allowed(Question::put("/v1/directives", ONE))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_client_that_hangs_up_while_it_waits_is_forgotten() {
    let served = Served::limited(SHORT).await;
    let etag = served.get("/v1/image").await.header("etag").to_owned();
    for _ in 0..3 * SHORT.connections {
        let mut stream = connect(served.address).await;
        let head = format!("GET /v1/image?wait=60s HTTP/1.1\r\nhost: x\r\nif-none-match: {etag}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("is sent");
        tokio::time::sleep(Duration::from_millis(2)).await;
        drop(stream);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    all_is_well(&served).await;
}
