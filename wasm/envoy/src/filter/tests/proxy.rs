//! A proxy in the place of Envoy: a clock that is told, shared data, metrics, and workers with a VM each.

mod host;
mod relay;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use self::host::Thread;
pub(crate) use self::relay::{Call, Reply};
use crate::filter::Filter;

/// When every story begins; in 2027.
pub(crate) const BEGIN: u64 = 1_800_000_000_000;

const ROOT: u32 = 1;

/// What all workers have in common.
pub(crate) struct Proxy {
    configuration: RefCell<String>,
    now: Cell<Option<u64>>,
    shared: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    versions: Cell<u32>,
    metrics: RefCell<Vec<(String, u64)>>,
    lines: RefCell<Vec<String>>,
    refuses: Cell<bool>,
}

impl Proxy {
    pub(crate) fn new(configuration: &str) -> Rc<Self> {
        Rc::new(Self {
            configuration: RefCell::new(configuration.to_owned()),
            now: Cell::new(Some(BEGIN)),
            shared: RefCell::default(),
            versions: Cell::new(0),
            metrics: RefCell::default(),
            lines: RefCell::default(),
            refuses: Cell::new(false),
        })
    }

    /// A VM with one instance, which must take the configuration.
    pub(crate) fn worker(self: &Rc<Self>) -> Worker {
        let thread = self.host();
        let mut worker =
            Worker { filter: Filter::new(Rc::clone(&thread)), thread, root: ROOT, requests: 1_000 };
        worker.filter.on_context_create(ROOT, 0);
        assert!(worker.filter.on_configure(ROOT), "{:?}", self.lines());
        worker
    }

    /// What a VM of the proxy calls, for a story about what others share.
    pub(crate) fn host(self: &Rc<Self>) -> Rc<Thread> {
        Rc::new(Thread::of(self))
    }

    pub(crate) fn pass(&self, millis: u64) {
        self.now.set(self.now.get().map(|now| now + millis));
    }

    pub(crate) fn set_back(&self, millis: u64) {
        self.now.set(self.now.get().map(|now| now - millis));
    }

    pub(crate) fn stop_the_clock(&self) {
        self.now.set(None);
    }

    pub(crate) fn refuse_calls(&self) {
        self.refuses.set(true);
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.metrics.borrow().iter().find(|(known, _)| known == name).expect("is defined").1
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }
}

/// A worker with its VM.
pub(crate) struct Worker {
    filter: Filter<Rc<Thread>>,
    thread: Rc<Thread>,
    root: u32,
    requests: u32,
}

impl Worker {
    pub(crate) fn tick(&mut self) {
        self.filter.on_tick(self.root);
    }

    /// Sends a request through, and says what the upstream sees of it.
    pub(crate) fn request(&mut self, headers: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        *self.thread.headers.borrow_mut() = headers.iter().map(owned).collect();
        self.thread.calls.set(0);
        self.requests += 1;
        self.filter.on_context_create(self.requests, self.root);
        self.filter.on_request_headers(self.requests);
        self.filter.on_delete(self.requests);
        self.thread.headers.borrow().iter().cloned().collect()
    }

    /// How many calls of the host the last request cost.
    pub(crate) fn calls(&self) -> usize {
        self.thread.calls.get()
    }

    pub(crate) fn property(&self, name: &str) -> Option<String> {
        let value = self.thread.properties.borrow().get(name.as_bytes()).cloned();
        value.map(|value| String::from_utf8(value).expect("is text"))
    }

    pub(crate) fn set_property(&self, path: &[u8], value: &str) {
        self.thread.properties.borrow_mut().insert(path.to_vec(), value.into());
    }

    pub(crate) fn open_calls(&self) -> usize {
        self.thread.open.borrow().len()
    }

    pub(crate) fn last_call(&self) -> Option<Call> {
        self.thread.last.borrow().clone()
    }

    /// Answers the call that is open.
    pub(crate) fn answer(&mut self, reply: &Reply) {
        let call = self.thread.open.borrow_mut().pop().expect("a call is open");
        self.answer_to(&call, reply);
    }

    pub(crate) fn answer_to(&mut self, call: &Call, reply: &Reply) {
        *self.thread.reply.borrow_mut() = Some(reply.clone());
        self.filter.on_answer(self.root, call.token, reply.body.len());
        *self.thread.reply.borrow_mut() = None;
    }

    pub(crate) fn delete(&mut self) {
        self.filter.on_delete(self.root);
    }

    /// The same instance with another configuration. Says whether it takes it.
    pub(crate) fn reconfigure(&mut self, configuration: &str) -> bool {
        configuration.clone_into(&mut self.thread.proxy.configuration.borrow_mut());
        self.filter.on_configure(self.root)
    }

    /// Another instance in the same VM; calls of its own are counted from one.
    pub(crate) fn configure_anew(&mut self, configuration: &str) {
        self.root += 1;
        self.thread.tokens.set(0);
        self.thread.open.borrow_mut().clear();
        self.filter.on_context_create(self.root, 0);
        assert!(self.reconfigure(configuration));
    }
}
