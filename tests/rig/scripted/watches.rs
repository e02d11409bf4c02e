//! The streams of watches: who listens, from where, and what they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use etcd_client::proto::{PbEvent, PbResponseHeader, PbWatchRequest, PbWatchRequestUnion, PbWatchResponse};
use tokio::sync::mpsc::UnboundedSender;
use tonic::{Status, Streaming};

use super::content::Range;
use super::scene::Scene;
use super::{Beginning, Call, Code, Reply, SCRIPTED, message};

pub(super) type Voice = UnboundedSender<Result<PbWatchResponse, Status>>;

/// The open streams, by number. Each carries one watch at most.
#[derive(Default)]
pub(super) struct Watches {
    next: u64,
    streams: BTreeMap<u64, Stream>,
}

struct Stream {
    voice: Voice,
    /// What is watched, once that has been said, and while the content tells it.
    hears: Option<Range>,
    created: bool,
}

impl Watches {
    /// How many watches are open.
    pub(super) fn len(&self) -> usize {
        self.streams.values().filter(|stream| stream.created).count()
    }

    pub(super) fn open(&mut self, voice: Voice) -> u64 {
        self.next += 1;
        self.streams.insert(self.next, Stream { voice, hears: None, created: false });
        self.next
    }

    fn close(&mut self, number: u64) {
        self.streams.remove(&number);
    }

    /// Tells one transaction to whom it concerns.
    pub(super) fn tell(&self, events: &[PbEvent], header: PbResponseHeader) {
        for stream in self.streams.values() {
            let Some(range) = &stream.hears else { continue };
            let heard = |event: &&PbEvent| event.kv.as_ref().is_some_and(|kv| range.contains(&kv.key));
            let events: Vec<PbEvent> = events.iter().filter(heard).cloned().collect();
            if !events.is_empty() {
                stream.say(PbWatchResponse { header: Some(header), events, ..Default::default() });
            }
        }
    }

    pub(super) fn say(&self, response: &PbWatchResponse) -> usize {
        let open = self.streams.values().filter(|stream| stream.created);
        open.map(|stream| stream.say(response.clone())).count()
    }

    pub(super) fn end(&mut self, code: Code) {
        for (_, stream) in std::mem::take(&mut self.streams) {
            stream.end(code);
        }
    }
}

impl Stream {
    fn say(&self, response: PbWatchResponse) {
        // Fails if the client has just gone.
        let _ = self.voice.send(Ok(response));
    }

    fn end(self, code: Code) {
        if code != Code::Ok {
            let _ = self.voice.send(Err(Status::new(code, SCRIPTED)));
        }
    }
}

/// Hears one stream out.
pub(super) async fn serve(scene: Arc<Scene>, number: u64, mut requests: Streaming<PbWatchRequest>) {
    while let Ok(Some(request)) = requests.message().await {
        match request.request_union {
            Some(PbWatchRequestUnion::CreateRequest(create)) => {
                let range = Range { key: create.key, end: create.range_end };
                scene.create_watch(number, range, create.start_revision);
            }
            Some(PbWatchRequestUnion::ProgressRequest(_)) => scene.tell_progress(number),
            Some(PbWatchRequestUnion::CancelRequest(_)) | None => break,
        }
    }
    scene.watches().close(number);
}

impl Scene {
    fn create_watch(&self, number: u64, range: Range, start: i64) {
        let script = self.script();
        let content = self.content();
        let mut watches = self.watches();
        let Some(stream) = watches.streams.get_mut(&number) else { return };
        stream.created = true;
        if let Some(Beginning { says, ends }) = &script.beginning {
            says.iter().for_each(|response| stream.say(script.sign(response)));
            if let (Some(code), Some(stream)) = (*ends, ends.and_then(|_| watches.streams.remove(&number))) {
                stream.end(code);
            }
            return;
        }
        let revision = content.revision();
        stream.say(script.sign(&message::created(revision)));
        if (1..content.compacted()).contains(&start) {
            return stream.say(script.sign(&message::compacted(content.compacted())));
        }
        let from = if start > 0 { start } else { revision + 1 };
        for events in content.since(from, &range) {
            stream.say(script.sign(&message::events(revision, events)));
        }
        stream.hears = Some(range);
    }

    fn tell_progress(&self, number: u64) {
        let reply = self.count(Call::Progress);
        let script = self.script();
        let revision = self.content().revision();
        let mut watches = self.watches();
        match reply {
            Reply::Usual => {
                if let Some(stream) = watches.streams.get(&number).filter(|stream| stream.hears.is_some()) {
                    stream.say(script.sign(&message::progress(revision)));
                }
            }
            Reply::Never => {}
            Reply::Status(code) => {
                if let Some(stream) = watches.streams.remove(&number) {
                    stream.end(code);
                }
            }
        }
    }
}
