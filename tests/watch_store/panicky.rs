//! A subscriber of tracing that panics once, at one place.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The subscriber. It panics at an event whose message begins so, or, by `exit NAME`, when a span of this name is left.
#[derive(Clone)]
pub(crate) struct Panicky(Arc<Inner>);

struct Inner {
    place: &'static str,
    is_armed: AtomicBool,
    has_panicked: AtomicBool,
    ids: AtomicU64,
    /// The spans of the name.
    spans: Mutex<Vec<u64>>,
}

impl Panicky {
    pub(crate) fn at(place: &'static str) -> Self {
        Self(Arc::new(Inner {
            place,
            is_armed: AtomicBool::new(false),
            has_panicked: AtomicBool::new(false),
            ids: AtomicU64::new(1),
            spans: Mutex::default(),
        }))
    }

    /// From now on, once.
    pub(crate) fn arm(&self) {
        self.0.is_armed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_panicked(&self) -> bool {
        self.0.has_panicked.load(Ordering::SeqCst)
    }

    fn come_to(&self, is_the_place: bool) {
        if is_the_place && self.0.is_armed.swap(false, Ordering::SeqCst) {
            self.0.has_panicked.store(true, Ordering::SeqCst);
            panic!("{}, as it was asked for", self.0.place);
        }
    }
}

impl Subscriber for Panicky {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("aldis")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.0.ids.fetch_add(1, Ordering::SeqCst);
        if self.0.place.strip_prefix("exit ") == Some(span.metadata().name()) {
            self.0.spans.lock().expect("unbroken").push(id);
        }
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.come_to(message.0.starts_with(self.0.place));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, id: &Id) {
        let is_one = self.0.spans.lock().expect("unbroken").contains(&id.into_u64());
        self.come_to(is_one);
    }
}

/// An event's message.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
