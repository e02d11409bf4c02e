//! Where a scripted relay's requests arrive.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::wire::{Message, Responder};

/// An answer that is given whatever was asked.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Such as `200 OK`.
    pub status: String,
    /// Those of an image among them, if it has any.
    pub headers: Vec<(String, String)>,
    /// Sent with its length.
    pub body: Vec<u8>,
}

impl Reply {
    /// This body as an image of this revision, with the headers that the contract asks for.
    pub fn image(revision: u64, body: impl Into<Vec<u8>>) -> Self {
        let headers = [
            ("etag", format!("\"scripted-{revision}\"")),
            ("aldis-revision", revision.to_string()),
            ("aldis-digest", format!("{revision:064x}")),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { status: "200 OK".to_owned(), headers, body: body.into() }
    }

    /// A status, and nothing else.
    pub fn status(status: &str) -> Self {
        Self { status: status.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Without one of the headers.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        bytes += &format!("content-length: {}\r\n\r\n", self.body.len());
        [bytes.into_bytes(), self.body.clone()].concat()
    }
}

/// What a relay knows.
#[derive(Default)]
struct State {
    published: Option<Published>,
    scripted: Option<Reply>,
    requests: Vec<Message>,
    /// Goes into etags, which are another process's after a restart.
    life: u32,
    ending: bool,
}

#[derive(Clone)]
struct Published {
    etag: String,
    image: Reply,
}

pub(super) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new() }
    }

    pub(super) fn publish(&self, revision: u64, image: &[u8]) {
        let mut state = self.state();
        let etag = format!("\"{}-{revision}\"", state.life);
        let mut image = Reply::image(revision, image);
        image.headers[0].1.clone_from(&etag);
        state.published = Some(Published { etag, image });
        self.changed.notify_all();
    }

    pub(super) fn answer_with(&self, reply: Option<Reply>) {
        self.state().scripted = reply;
        self.changed.notify_all();
    }

    pub(super) fn requests(&self) -> Vec<Message> {
        self.state().requests.clone()
    }

    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.published = None;
        state.life += 1;
    }

    pub(super) fn reopen(&self) {
        self.state().ending = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Responder for Desk {
    fn respond(&self, request: Message) -> Option<Vec<u8>> {
        let known = request.header("if-none-match").map(str::to_owned);
        let wait = wait_of(request.path());
        let mut state = self.state();
        state.requests.push(request);
        let is_news = |state: &State| {
            let etag = state.published.as_ref().map(|published| &published.etag);
            state.ending || state.scripted.is_some() || etag.is_none() || etag != known.as_ref()
        };
        let waited = self.changed.wait_timeout_while(state, wait, |state| !is_news(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.ending {
            return None;
        }
        match (&state.scripted, &state.published) {
            (Some(reply), _) => Some(reply.bytes()),
            (None, Some(published)) if Some(&published.etag) == known.as_ref() => {
                let headers = published.image.headers.clone();
                Some(Reply { headers, ..Reply::status("304 Not Modified") }.bytes())
            }
            (None, Some(published)) => Some(published.image.bytes()),
            (None, None) => Some(Reply::status("503 Service Unavailable").bytes()),
        }
    }

    fn interrupt(&self) {
        self.state().ending = true;
        self.changed.notify_all();
    }
}

/// How long a request may be held: `?wait=30s`.
fn wait_of(path: &str) -> Duration {
    let seconds = path.split_once("?wait=").and_then(|(_, wait)| wait.strip_suffix('s')?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}
