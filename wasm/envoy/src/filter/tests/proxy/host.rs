//! One worker thread as the host of its VM.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use aldis_core::UnixMillis;

use super::{Call, Proxy, Reply};
use crate::block;
use crate::host::{Host, Level, Metric};

/// What the calls of a VM refer to at the moment.
pub(crate) struct Thread {
    pub(super) proxy: Rc<Proxy>,
    pub(super) headers: RefCell<Vec<(String, String)>>,
    pub(super) properties: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(super) reply: RefCell<Option<Reply>>,
    pub(super) open: RefCell<Vec<Call>>,
    pub(super) last: RefCell<Option<Call>>,
    pub(super) tokens: Cell<u32>,
    pub(super) calls: Cell<usize>,
}

impl Thread {
    pub(super) fn of(proxy: &Rc<Proxy>) -> Self {
        Self {
            proxy: Rc::clone(proxy),
            headers: RefCell::default(),
            properties: RefCell::default(),
            reply: RefCell::default(),
            open: RefCell::default(),
            last: RefCell::default(),
            tokens: Cell::new(0),
            calls: Cell::new(0),
        }
    }

    fn called(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    fn with_metric(&self, handle: u32, then: impl FnOnce(&mut u64)) {
        let mut metrics = self.proxy.metrics.borrow_mut();
        let metric = usize::try_from(handle).ok().and_then(|place| metrics.get_mut(place));
        then(&mut metric.expect("is defined").1);
    }
}

impl Host for Rc<Thread> {
    fn log(&self, _level: Level, line: &str) {
        self.proxy.lines.borrow_mut().push(line.to_owned());
    }

    fn now(&self) -> Option<UnixMillis> {
        self.called();
        self.proxy.now.get().map(UnixMillis::new)
    }

    fn tick_every(&self, _millis: u32) {}

    fn configuration(&self) -> Vec<u8> {
        self.proxy.configuration.borrow().clone().into_bytes()
    }

    fn request_headers(&self) -> Vec<u8> {
        self.called();
        let headers = self.headers.borrow();
        block::write(&headers.iter().map(|(name, value)| (name.as_str(), value)).collect::<Vec<_>>())
    }

    fn set_header(&self, name: &str, value: &[u8]) {
        self.headers.borrow_mut().retain(|(known, _)| known != name);
        self.add_header(name, value);
    }

    fn add_header(&self, name: &str, value: &[u8]) {
        self.called();
        let value = String::from_utf8(value.to_vec()).expect("is text");
        self.headers.borrow_mut().push((name.to_owned(), value));
    }

    fn remove_header(&self, name: &str) {
        self.called();
        self.headers.borrow_mut().retain(|(known, _)| known != name);
    }

    fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.called();
        self.properties.borrow().get(path).cloned()
    }

    fn set_property(&self, name: &str, value: &[u8]) {
        self.called();
        self.properties.borrow_mut().insert(name.into(), value.to_vec());
    }

    fn shared(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.proxy.shared.borrow().get(key).cloned()
    }

    fn set_shared(&self, key: &str, value: &[u8], version: u32) -> bool {
        let mut shared = self.proxy.shared.borrow_mut();
        let present = shared.get(key).map_or(0, |(_, version)| *version);
        if version != 0 && present != 0 && version != present {
            return false;
        }
        self.proxy.versions.set(self.proxy.versions.get() + 1);
        shared.insert(key.to_owned(), (value.to_vec(), self.proxy.versions.get()));
        true
    }

    fn call(&self, cluster: &str, headers: &[(&str, &str)], timeout_ms: u32) -> Option<u32> {
        if self.proxy.refuses.get() {
            return None;
        }
        self.tokens.set(self.tokens.get() + 1);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let call = Call {
            token: self.tokens.get(),
            cluster: cluster.to_owned(),
            timeout_ms,
            headers: headers.iter().map(owned).collect(),
        };
        self.open.borrow_mut().push(call.clone());
        *self.last.borrow_mut() = Some(call);
        Some(self.tokens.get())
    }

    fn answer_headers(&self) -> Vec<u8> {
        let reply = self.reply.borrow();
        block::write(&reply.as_ref().expect("an answer is handed over").headers)
    }

    fn answer_body(&self, len: usize) -> Vec<u8> {
        let reply = self.reply.borrow();
        let body = &reply.as_ref().expect("an answer is handed over").body;
        body.get(..len).expect("so much is there").to_vec()
    }

    fn metric(&self, _metric: Metric, name: &str) -> Option<u32> {
        let mut metrics = self.proxy.metrics.borrow_mut();
        let place = metrics.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            metrics.push((name.to_owned(), 0));
            metrics.len() - 1
        });
        u32::try_from(place).ok()
    }

    fn add(&self, counter: u32, number: u64) {
        self.with_metric(counter, |metric| *metric += number);
    }

    fn set(&self, gauge: u32, number: u64) {
        self.with_metric(gauge, |metric| *metric = number);
    }
}
