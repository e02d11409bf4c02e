//! As much of HTTP/1.1 as the tests of a proxy need, byte for byte: what is sent is just what was asked for, and what came is
//! kept as it came. Libraries would mend both.

mod message;
mod server;

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

pub use self::message::{Header, Message};
pub use self::server::{Responder, Server};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server on loopback that is kept from request to request.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If nobody listens.
    pub fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request without a body and reads the answer, whose first line is that of the status.
    ///
    /// # Errors
    ///
    /// If the connection ends before the answer does, or it takes longer than a minute.
    pub fn get(&mut self, path: &str, headers: &[(&str, &[u8])]) -> io::Result<Message> {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n").into_bytes();
        for (name, value) in headers {
            request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        self.0.get_mut().write_all(&request)?;
        Message::read(&mut self.0)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// One request on a connection of its own.
///
/// # Errors
///
/// As [`Connection`].
pub fn get(port: u16, path: &str) -> io::Result<Message> {
    Connection::open(port)?.get(path, &[])
}
