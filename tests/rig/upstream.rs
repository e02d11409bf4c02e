//! What stands behind a proxy under test, and tells what it sees.

use std::sync::Arc;

use crate::port::free_port;
use crate::wire::{Header, Message, Responder, Server};

/// A server that answers each request with the headers that it came with.
pub struct Upstream {
    port: u16,
    _server: Server,
}

impl Upstream {
    /// Listens on a free loopback port.
    pub fn start() -> Self {
        let port = free_port();
        Self { port, _server: Server::start(port, Arc::new(Echo)) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The headers that it saw, from its answer.
    pub fn seen(answer: &Message) -> Vec<Header> {
        let line = |line: &[u8]| {
            let colon = line.iter().position(|&byte| byte == b':').expect("is a header");
            (String::from_utf8(line[..colon].to_vec()).expect("is a name"), line[colon + 1..].to_vec())
        };
        let lines = answer.body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(line).collect()
    }
}

struct Echo;

impl Responder for Echo {
    fn respond(&self, request: Message) -> Option<Vec<u8>> {
        let line = |(name, value): &Header| [name.as_bytes(), b":", value, b"\n"].concat();
        let body = request.headers.iter().map(line).collect::<Vec<_>>().concat();
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend(body);
        Some(answer)
    }
}
