//! How a relay ends.

use std::time::Duration;

use aldis_etcd::relay::Limits;
use rig::http::{Events, Question};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{EMPTY, ONE, SOON, Served};

#[tokio::test]
async fn who_waits_is_answered_who_listens_is_let_go_and_nobody_else_is_let_in() {
    let mut served = Served::start().await;
    served.put(ONE).await;
    let etag = served.get("/v1/image").await.header("etag").to_owned();
    let mut client = served.client().await;
    let question = Question::get("/v1/image?wait=60s").header("if-none-match", etag);
    let waiting = tokio::spawn(async move { client.ask(question).await });
    let mut listener = served.client().await;
    let mut events = Events::of(listener.open(Question::get("/v1/events")).await.expect("an answer"));
    let idle = served.client().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    served.tell_to_end();
    assert_eq!(waiting.await.expect("does not panic").status, 304);
    let to_the_end = async { while events.next().await.is_some() {} };
    tokio::time::timeout(SOON, to_the_end).await.expect("the stream ends");
    served.ended().await;
    assert!(idle.is_closed());
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody is let in");
}

/// A request that has begun is given its time, and one that never ends is not waited for.
#[tokio::test]
async fn what_is_under_way_is_given_its_time_and_no_more() {
    let mut served = Served::limited(Limits { drain: Duration::from_secs(2), ..Limits::STANDARD }).await;
    let head = format!("POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", EMPTY.len());
    let mut honest = TcpStream::connect(served.address).await.expect("connects");
    let mut endless = TcpStream::connect(served.address).await.expect("connects");
    for stream in [&mut honest, &mut endless] {
        stream.write_all(head.as_bytes()).await.expect("is sent");
        stream.write_all(&EMPTY.as_bytes()[..5]).await.expect("is sent");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    served.tell_to_end();
    tokio::time::sleep(Duration::from_millis(200)).await;
    honest.write_all(&EMPTY.as_bytes()[5..]).await.expect("is sent");
    let mut answer = String::new();
    honest.read_to_string(&mut answer).await.expect("is answered, and closed");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    served.ended().await;
}
