//! The smallest proxy-shaped program around Aldis: each line of stdin is a request, `TENANT ENDPOINT REQUEST_ID`, and
//! gets a line with the decision. Changes of what is in force are told on stderr.

use std::error::Error;

use aldis_etcd::{Change, Changes, EndpointKind, EtcdDirectiveStore, Reader, Request};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let store = EtcdDirectiveStore::builder([endpoint]).scope("aldis/directives").connect().await?;
    tokio::spawn(tell(store.changes()));

    // One reader per worker: it loads without touching anything that threads share.
    let mut reader = store.reader();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{}", decide(&mut reader, &line));
    }
    Ok(())
}

/// What a proxy does once per request, before it does anything else with it.
fn decide(reader: &mut Reader, line: &str) -> String {
    let mut words = line.split_whitespace();
    let request = Request {
        tenant: words.next(),
        endpoint: words.next().and_then(EndpointKind::from_name),
        request_id: words.next(),
        ..Request::EMPTY
    };
    let now = reader.now();
    // One load per request: the decision and the id it names belong to the same set.
    let set = reader.load();
    let decision = set.evaluate(&request, now);
    let by = decision.decided_by.and_then(|index| set.id(index)).unwrap_or("-");
    format!("{} ring_buffer={} capture={} by={by}", decision.level, decision.ring_buffer, decision.capture)
}

async fn tell(mut changes: Changes) {
    while let Some(change) = changes.next().await {
        match change {
            Change::Applied { revision, directives, .. } => {
                eprintln!("revision {revision}: {directives} directive(s) in force");
            }
            other => eprintln!("{other:?}"),
        }
    }
}
