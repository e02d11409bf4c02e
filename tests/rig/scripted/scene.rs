//! What the clients meet: the content, the script, and the watches that are open.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use etcd_client::proto::{
    PbAuthenticateResponse, PbRangeRequest, PbRangeResponse, PbResponseHeader, PbStatusResponse,
};
use tonic::Status;

use super::content::Content;
use super::watches::Watches;
use super::{Beginning, Call, Code, Reply, SCRIPTED, WatchResponse};

const MEMBER: u64 = 0x5c;

/// Each lock is held for a moment, and never two at a time except in the order of the fields.
#[derive(Default)]
pub(super) struct Scene {
    script: Mutex<Script>,
    content: Mutex<Content>,
    watches: Mutex<Watches>,
}

pub(super) struct Script {
    pub(super) cluster_id: u64,
    pub(super) version: String,
    pub(super) replies: BTreeMap<Call, Reply>,
    pub(super) calls: BTreeMap<Call, usize>,
    pub(super) read_as_of: Option<i64>,
    pub(super) repeats_pages: bool,
    pub(super) beginning: Option<Beginning>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            cluster_id: 0xa1d15,
            version: "3.5.30".to_owned(),
            replies: BTreeMap::new(),
            calls: BTreeMap::new(),
            read_as_of: None,
            repeats_pages: false,
            beginning: None,
        }
    }
}

impl Scene {
    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watches(&self) -> MutexGuard<'_, Watches> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and waits as long as the script has it wait.
    pub(super) async fn enter(&self, call: Call) -> Result<(), Status> {
        match self.count(call) {
            Reply::Usual => Ok(()),
            Reply::Never => std::future::pending().await,
            Reply::Status(code) => Err(Status::new(code, SCRIPTED)),
        }
    }

    pub(super) fn count(&self, call: Call) -> Reply {
        let mut script = self.script();
        *script.calls.entry(call).or_default() += 1;
        script.replies.get(&call).copied().unwrap_or_default()
    }

    pub(super) fn write(&self, writes: &[(&str, Option<&[u8]>)], is_heard: bool) -> i64 {
        let script = self.script();
        let mut content = self.content();
        let events = content.write(writes);
        let revision = content.revision();
        if is_heard {
            self.watches().tell(&events, script.header(revision));
        }
        revision
    }

    pub(super) fn say(&self, response: &WatchResponse) -> usize {
        let script = self.script();
        self.watches().say(&script.sign(response))
    }

    pub(super) fn end_watches(&self, code: Code) {
        self.watches().end(code);
    }

    pub(super) fn heal(&self) {
        let mut script = self.script();
        script.replies.clear();
        (script.read_as_of, script.repeats_pages, script.beginning) = (None, false, None);
    }

    pub(super) fn status(&self) -> PbStatusResponse {
        let script = self.script();
        let header = Some(script.header(self.content().revision()));
        PbStatusResponse { header, version: script.version.clone(), leader: MEMBER, ..Default::default() }
    }

    pub(super) fn token(&self) -> PbAuthenticateResponse {
        let script = self.script();
        let header = Some(script.header(self.content().revision()));
        PbAuthenticateResponse { header, token: "scripted.1".to_owned() }
    }

    pub(super) fn range(&self, mut request: PbRangeRequest) -> Result<PbRangeResponse, Status> {
        let script = self.script();
        if script.repeats_pages {
            request.key = vec![0];
        }
        let content = self.content();
        let revision = script.read_as_of.unwrap_or(content.revision());
        let answer = content.range(request, revision)?;
        let more = answer.more || script.repeats_pages;
        Ok(PbRangeResponse { header: Some(script.header(revision)), more, ..answer })
    }
}

impl Script {
    pub(super) fn header(&self, revision: i64) -> PbResponseHeader {
        PbResponseHeader { cluster_id: self.cluster_id, member_id: MEMBER, revision, raft_term: 2 }
    }

    /// Gives a header without a cluster the server's own.
    pub(super) fn sign(&self, response: &WatchResponse) -> WatchResponse {
        let mut response = response.clone();
        if let Some(header) = response.header.as_mut().filter(|header| header.cluster_id == 0) {
            *header = self.header(header.revision);
        }
        response
    }
}
