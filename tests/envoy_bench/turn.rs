//! One contender's turn: requests over several connections at a time.

use std::thread;
use std::time::Instant;

use bench::median;
use rig::envoy::Envoy;
use rig::wire::{Connection, Message};

/// How many connections are open, and used at a time.
pub(crate) const CONNECTIONS: usize = 4;

/// Requests on each of them.
const REQUESTS: usize = 400;

/// What one turn took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// For a request.
    pub(crate) processor_micros: f64,
    /// From a request to its answer; the median.
    pub(crate) latency_micros: f64,
    /// On all connections together.
    pub(crate) per_second: f64,
}

/// A request with the headers that browsers and proxies send. Every other one is of a tenant that has a directive, if any
/// has.
pub(crate) fn ask(connection: &mut Connection, number: usize) -> Message {
    let known = number.is_multiple_of(2);
    let tenant = format!("{}{}", if known { "t" } else { "u" }, number * 37 % 10_000);
    let headers: [(&str, &[u8]); 8] = [
        ("x-tenant", tenant.as_bytes()),
        ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", b"application/json, text/plain, */*"),
        ("accept-language", b"en-GB,en;q=0.5"),
        ("accept-encoding", b"gzip, deflate, br, zstd"),
        ("authorization", b"Bearer 0123456789abcdef0123456789abcdef"),
        ("x-request-id", b"7f1c8b9e-6a53-4c70-9a0e-3f5f0f6f8d11"),
        ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let answer = connection.get("/orders/_search?size=10", &headers).expect("is answered");
    assert_eq!(answer.status(), 200);
    answer
}

pub(crate) fn take(envoy: &Envoy, connections: &mut [Connection]) -> Turn {
    let (before, begun) = (envoy.processor_time(), Instant::now());
    let latencies: Vec<f64> = thread::scope(|scope| {
        let busy: Vec<_> =
            connections.iter_mut().map(|connection| scope.spawn(|| latencies(connection))).collect();
        busy.into_iter().flat_map(|busy| busy.join().expect("is answered")).collect()
    });
    let (processor, took) = (envoy.processor_time().saturating_sub(before), begun.elapsed());
    #[allow(clippy::cast_precision_loss, reason = "so few requests are exact")]
    let all = latencies.len() as f64;
    Turn {
        processor_micros: processor.as_secs_f64() * 1e6 / all,
        latency_micros: median(&latencies).unwrap_or(f64::NAN),
        per_second: all / took.as_secs_f64(),
    }
}

/// What each request on one connection took, in microseconds.
fn latencies(connection: &mut Connection) -> Vec<f64> {
    let mut took = |number| {
        let begun = Instant::now();
        ask(connection, number);
        begun.elapsed().as_secs_f64() * 1e6
    };
    (0..REQUESTS).map(&mut took).collect()
}
