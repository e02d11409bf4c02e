//! A backend that misbehaves once, and is as the one beneath it from then on.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Connect, Header, KvError, KvSource, KvWatch, Listing, Revision, Scope, WatchMessage};
use async_trait::async_trait;

/// How it misbehaves. What is silent never answers.
#[allow(dead_code, reason = "not every test that shares this file wants all of it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    PanicInList,
    PanicInWatch,
    PanicInNext,
    SilentConnect,
    SilentHead,
    SilentList,
    SilentWatch,
    SilentNext,
    LoseEvents,
    /// A list arrives two seconds after it was read.
    SlowList,
}

/// The backend.
#[derive(Clone)]
pub(crate) struct Faulty {
    kv: MemoryKv,
    fault: Arc<Mutex<Option<Fault>>>,
}

#[allow(dead_code, reason = "not every test that shares this file wants all of it")]
impl Faulty {
    pub(crate) fn over(kv: &MemoryKv) -> Self {
        Self { kv: kv.clone(), fault: Arc::default() }
    }

    /// Misbehaves so at the next occasion.
    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().expect("unbroken") = Some(fault);
    }

    /// Behaves from now on.
    pub(crate) fn clear(&self) {
        *self.fault.lock().expect("unbroken") = None;
    }

    /// Whether it has yet to misbehave.
    pub(crate) fn is_set(&self) -> bool {
        self.fault.lock().expect("unbroken").is_some()
    }

    /// Whether it is time for this fault; only once.
    fn is_time_for(&self, fault: Fault) -> bool {
        let mut present = self.fault.lock().expect("unbroken");
        present.take_if(|present| *present == fault).is_some()
    }

    async fn silence(&self, fault: Fault) {
        if self.is_time_for(fault) {
            pending::<()>().await;
        }
    }

    fn panic(&self, fault: Fault) {
        let is_time = self.is_time_for(fault);
        assert!(!is_time, "{fault:?}, as it was asked for");
    }
}

#[async_trait]
impl Connect for Faulty {
    fn endpoints(&self) -> &[String] {
        self.kv.endpoints()
    }

    async fn connect(&self, _endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        self.silence(Fault::SilentConnect).await;
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl KvSource for Faulty {
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        self.silence(Fault::SilentHead).await;
        // Where a list is to misbehave, one must be needed: a head that is behind calls for one.
        let header = self.kv.head(scope).await?;
        let wants_list =
            matches!(*self.fault.lock().expect("unbroken"), Some(Fault::PanicInList | Fault::SilentList));
        Ok(Header { revision: if wants_list { Revision::ZERO } else { header.revision }, ..header })
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        self.panic(Fault::PanicInList);
        self.silence(Fault::SilentList).await;
        let listing = self.kv.list(scope).await;
        if self.is_time_for(Fault::SlowList) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        listing
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        self.panic(Fault::PanicInWatch);
        self.silence(Fault::SilentWatch).await;
        let inner = self.kv.watch(scope, from).await?;
        Ok(Box::new(FaultyWatch { inner, faulty: self.clone() }))
    }
}

struct FaultyWatch {
    inner: Box<dyn KvWatch>,
    faulty: Faulty,
}

#[async_trait]
impl KvWatch for FaultyWatch {
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError> {
        loop {
            let message = self.inner.next().await?;
            self.faulty.panic(Fault::PanicInNext);
            self.faulty.silence(Fault::SilentNext).await;
            let is_events = matches!(message, Some(WatchMessage::Events(..)));
            if !(is_events && self.faulty.is_time_for(Fault::LoseEvents)) {
                return Ok(message);
            }
        }
    }

    async fn request_progress(&mut self) -> Result<(), KvError> {
        self.inner.request_progress().await
    }
}
