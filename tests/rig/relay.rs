//! A relay whose answers a test chooses: the contract of `GET /v1/image`, and whatever breaks it.

mod desk;

use std::sync::Arc;

use aldis_core::DirectiveSet;

use self::desk::Desk;
pub use self::desk::Reply;
use crate::port::free_port;
use crate::wire::{Message, Server};

/// A scripted relay on a port of its own, which stays the same while it is down.
pub struct Relay {
    port: u16,
    desk: Arc<Desk>,
    server: Option<Server>,
}

impl Relay {
    /// One that has nothing confirmed yet: it answers 503.
    pub fn start() -> Self {
        let port = free_port();
        let desk = Arc::new(Desk::new());
        let server = Some(Server::start(port, Arc::clone(&desk) as _));
        Self { port, desk, server }
    }

    /// Where it listens, or would.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has this set at this revision from now on, and says so to whoever waits for news.
    pub fn publish(&self, revision: u64, set: &DirectiveSet) {
        self.desk.publish(revision, set.as_image());
    }

    /// Gives this answer to every request from now on, or again those of the contract.
    pub fn answer_with(&self, reply: Option<Reply>) {
        self.desk.answer_with(reply);
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Message> {
        self.desk.requests()
    }

    /// Ends: connections are cut, and nobody listens.
    pub fn go_down(&mut self) {
        self.server = None;
    }

    /// Listens again, with what it had.
    pub fn come_back(&mut self) {
        if self.server.is_none() {
            self.desk.reopen();
            self.server = Some(Server::start(self.port, Arc::clone(&self.desk) as _));
        }
    }

    /// Ends, and begins as another process would: with nothing confirmed, and with other etags.
    pub fn restart(&mut self) {
        self.go_down();
        self.desk.forget();
        self.come_back();
    }
}
