//! A client that asks one thing at a time, and says exactly what came.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long any answer may take that is not held back on purpose.
const PATIENCE: Duration = Duration::from_secs(90);

/// A connection that is kept alive.
pub struct Client {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Question {
    /// `GET`
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// `POST` with this body.
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::new(Method::POST, path) }
    }

    /// `PUT` with this body.
    pub fn put(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::new(Method::PUT, path) }
    }

    /// Any method, without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// With this header, too.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    ///
    /// If nobody answers there.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("speaks HTTP");
        let connection = tokio::spawn(async {
            // Whoever asks hears of it.
            let _ = connection.await;
        });
        Self { address, sender, connection }
    }

    /// Asks, and takes the whole answer.
    ///
    /// # Panics
    ///
    /// If none comes.
    pub async fn ask(&mut self, question: Question) -> Answer {
        self.try_ask(question).await.expect("an answer")
    }

    /// Asks, and takes the whole answer.
    ///
    /// # Errors
    ///
    /// If the connection breaks.
    pub async fn try_ask(&mut self, question: Question) -> hyper::Result<Answer> {
        let response = self.open(question).await?;
        let (head, body) = response.into_parts();
        let body = timeout(PATIENCE, body.collect()).await.expect("the body ends")?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Asks, and takes the head of the answer only: the body may have no end.
    ///
    /// # Errors
    ///
    /// If the connection breaks.
    pub async fn open(&mut self, question: Question) -> hyper::Result<Response<Incoming>> {
        let mut request = Request::builder().method(question.method).uri(question.path);
        request = request.header(HOST, self.address.to_string());
        if !question.body.is_empty() {
            request = request.header(CONTENT_LENGTH, question.body.len());
        }
        for (name, value) in question.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(question.body)).expect("a legal request");
        self.sender.ready().await?;
        timeout(PATIENCE, self.sender.send_request(request)).await.expect("an answer in time")
    }

    /// Whether the other side has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Answer {
    /// A header as text.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"));
        value.to_str().expect("text")
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The reason of a no: `{"error":{"reason","message"}}`.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn reason(&self) -> String {
        let json = self.json();
        json["error"]["reason"].as_str().unwrap_or_else(|| panic!("no reason in {json}")).to_owned()
    }
}

/// One question over a connection of its own.
///
/// # Panics
///
/// If no answer comes.
pub async fn ask(address: SocketAddr, question: Question) -> Answer {
    Client::connect(address).await.ask(question).await
}

/// The server-sent events of a body.
pub struct Events {
    body: Pin<Box<Incoming>>,
    text: String,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// The name of its kind.
    pub name: String,
    /// What it says.
    pub data: String,
}

impl Events {
    /// Reads the events of this answer.
    pub fn of(response: Response<Incoming>) -> Self {
        Self { body: Box::pin(response.into_body()), text: String::new() }
    }

    /// The next event; `None` if the stream has ended.
    ///
    /// # Panics
    ///
    /// If neither comes in time.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = parse(block);
                self.text = rest.to_owned();
                if event != Event::default() {
                    return Some(event);
                }
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("an event in time")?.ok()?;
            let bytes = frame.into_data().unwrap_or_default();
            self.text.push_str(std::str::from_utf8(&bytes).expect("text"));
        }
    }
}

/// A comment is an event without anything.
fn parse(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(&mut event.id),
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("data", data)) => event.data.push_str(data),
            _ => {}
        }
    }
    event
}
