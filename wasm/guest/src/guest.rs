//! Everything the module does, apart from being a module.

use alloc::vec::Vec;

use aldis_abi::{ANSWER_BYTES, Answer, Info, MAX_REQUEST_BUFFER, MAX_SET_BUFFER, Stamp, Status, next_frame};
use aldis_core::{Decision, DirectiveIndex, DirectiveSet, UnixMillis};

use crate::buffers::Buffers;
use crate::explain;
use crate::facts::Written;

/// One guest: the set in force, and the buffers through which a host talks to it.
///
/// A host writes only into what [`reserve_request`](Self::reserve_request) and
/// [`reserve_set`](Self::reserve_set) return, and afterwards names only a length. So there is no pointer from
/// outside that would have to be believed.
#[derive(Debug, Default)]
pub struct Guest {
    loaded: Option<Loaded>,
    buffers: Buffers,
}

#[derive(Debug)]
struct Loaded {
    set: DirectiveSet,
    stamp: Stamp,
}

impl Guest {
    /// A guest that holds nothing, and so answers `OFF`.
    #[must_use]
    pub const fn new() -> Self {
        Self { loaded: None, buffers: Buffers::new() }
    }

    /// The buffer for requests, at least `len` bytes. It stays in place until this is called again.
    ///
    /// # Errors
    ///
    /// [`Status::TooLarge`] and [`Status::OutOfMemory`]; the buffer then stays as it was.
    pub fn reserve_request(&mut self, len: usize) -> Result<&mut [u8], Status> {
        if len > MAX_REQUEST_BUFFER {
            return Err(Status::TooLarge);
        }
        self.buffers.reserve_request(len)
    }

    /// A buffer of `len` bytes for an image or document and its stamp. The next load takes it away.
    ///
    /// # Errors
    ///
    /// [`Status::TooLarge`] and [`Status::OutOfMemory`]; there is no such buffer then.
    pub fn reserve_set(&mut self, len: usize) -> Result<&mut [u8], Status> {
        if len > MAX_SET_BUFFER {
            self.buffers.drop_incoming();
            return Err(Status::TooLarge);
        }
        self.buffers.reserve_set(len)
    }

    /// Puts an image and its stamp, the first `len` bytes of the set's buffer, in force. Says how many directives
    /// that are.
    ///
    /// Cost: one validation; the image stays where the host wrote it.
    ///
    /// # Errors
    ///
    /// [`Status::NotReserved`], [`Status::BadStamp`], [`Status::BadImage`]; the previous set stays in force.
    pub fn load_image(&mut self, len: usize) -> Result<u32, Status> {
        let (mut payload, body, stamp) = self.take_payload(len)?;
        payload.truncate(body);
        match DirectiveSet::from_image(payload) {
            Ok(set) => Ok(self.put_in_force(set, stamp)),
            Err(error) => Err(self.refuse(Status::BadImage, &explain::image_refusal(&error))),
        }
    }

    /// Puts a document and its stamp, the first `len` bytes of the set's buffer, in force; relative lifetimes count
    /// from `anchor`. Says how many directives that are.
    ///
    /// # Errors
    ///
    /// [`Status::NotReserved`], [`Status::BadStamp`], [`Status::BadDocument`]; the previous set stays in force.
    pub fn load_document(&mut self, len: usize, anchor: UnixMillis) -> Result<u32, Status> {
        let (payload, body, stamp) = self.take_payload(len)?;
        let decoded = DirectiveSet::decode(payload.get(..body).unwrap_or_default(), anchor);
        self.buffers.give_back(payload);
        match decoded {
            Ok(set) => Ok(self.put_in_force(set, stamp)),
            Err(error) => Err(self.refuse(Status::BadDocument, &explain::json(&error))),
        }
    }

    /// Decides on the request in the first `len` bytes of its buffer, where it lies. Allocates nothing.
    ///
    /// The result is a packed [`Answer`], or [`Status::NotReserved`] or [`Status::BadRequest`] in the same form.
    #[must_use]
    pub fn evaluate(&self, len: usize, now: UnixMillis) -> u64 {
        match self.buffers.request.get(..len) {
            Some(request) => self.decide(request, now),
            None => Answer::pack(Err(Status::NotReserved)),
        }
    }

    /// Decides on the framed requests in the first `len` bytes of their buffer and writes the answers over them.
    /// Says how many they are. A request that is none gets an answer that says so.
    ///
    /// # Errors
    ///
    /// [`Status::NotReserved`]; [`Status::BadBatch`], with some of the requests already overwritten.
    pub fn evaluate_batch(&mut self, len: usize, now: UnixMillis) -> Result<u32, Status> {
        self.buffers.request.get(..len).ok_or(Status::NotReserved)?;
        let (mut at, mut answered) = (0, 0);
        while at < len {
            let batch = self.buffers.request.get(..len).unwrap_or_default();
            let (request, next) = next_frame(batch, at).ok_or(Status::BadBatch)?;
            let answer = self.decide(request, now).to_le_bytes();
            if let Some(room) = self.buffers.request.as_chunks_mut::<ANSWER_BYTES>().0.get_mut(answered) {
                *room = answer;
            }
            at = next;
            answered = answered.saturating_add(1);
        }
        Ok(number(answered))
    }

    /// Fills the output with a JSON line for each directive from `first` on, up to
    /// [`EXPLAIN_LINES`](aldis_abi::EXPLAIN_LINES): whether it applies to the request in the first `len` bytes of its
    /// buffer, and why not.
    ///
    /// # Errors
    ///
    /// As [`evaluate`](Self::evaluate).
    pub fn explain(&mut self, len: usize, now: UnixMillis, first: usize) -> Result<&[u8], Status> {
        let Self { loaded, buffers: Buffers { request, output, .. } } = self;
        output.clear();
        let request = request.get(..len).ok_or(Status::NotReserved)?;
        let request = Written::read(request).ok_or(Status::BadRequest)?;
        if let Some(loaded) = loaded {
            explain::write_lines(&loaded.set, &request, now, first, output);
        }
        Ok(output)
    }

    /// Fills the output with the id of the directive at a place, which is what `decided_by` names.
    ///
    /// # Errors
    ///
    /// [`Status::NoDirective`].
    pub fn directive_id(&mut self, place: usize) -> Result<&[u8], Status> {
        self.buffers.output.clear();
        let index = u32::try_from(place).map(DirectiveIndex::new).map_err(|_| Status::NoDirective)?;
        let loaded = self.loaded.as_ref().ok_or(Status::NoDirective)?;
        let id = loaded.set.id(index).ok_or(Status::NoDirective)?;
        self.buffers.output.extend_from_slice(id.as_bytes());
        Ok(&self.buffers.output)
    }

    /// Fills the output with an [`Info`].
    pub fn info(&mut self) -> &[u8] {
        let info = match &self.loaded {
            None => Info {
                stamp: Stamp::NONE,
                directives: 0,
                image_bytes: 0,
                earliest_expiry: u64::MAX,
                latest_expiry: 0,
            },
            Some(Loaded { set, stamp }) => Info {
                stamp: *stamp,
                directives: number(set.len()),
                image_bytes: number(set.as_image().len()),
                earliest_expiry: set.earliest_expiry().map_or(u64::MAX, UnixMillis::as_u64),
                latest_expiry: set.latest_expiry().map_or(0, UnixMillis::as_u64),
            },
        };
        self.buffers.output.clear();
        self.buffers.output.extend_from_slice(&info.to_bytes());
        &self.buffers.output
    }

    /// Fills the output with one JSON object that says why the last load was refused; empty after one that was not.
    pub fn last_error(&mut self) -> &[u8] {
        self.buffers.output.clear();
        self.buffers.output.extend_from_slice(self.buffers.refusal.as_bytes());
        &self.buffers.output
    }

    /// What the call filled that last filled the output.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.buffers.output
    }

    fn decide(&self, request: &[u8], now: UnixMillis) -> u64 {
        let Some(request) = Written::read(request) else { return Answer::pack(Err(Status::BadRequest)) };
        let set = self.loaded.as_ref().map(|loaded| &loaded.set);
        let decision = set.map_or(Decision::OFF, |set| set.evaluate_facts(&request, now));
        Answer::pack(Ok(Answer {
            level: decision.level.code(),
            ring_buffer: decision.ring_buffer,
            capture: decision.capture,
            decided_by: decision.decided_by.map(|index| index.as_u32()),
        }))
    }

    /// The payload of a load, where its stamp begins, and the stamp. The buffer is gone afterwards, whatever comes, and so
    /// is what was said of the load before.
    fn take_payload(&mut self, len: usize) -> Result<(Vec<u8>, usize, Stamp), Status> {
        self.buffers.refusal.clear();
        let payload = self.buffers.take_incoming();
        let split = payload.get(..len).ok_or(Status::NotReserved);
        match split.and_then(|payload| Stamp::split(payload).ok_or(Status::BadStamp)) {
            Ok((body, stamp)) => {
                let body = body.len();
                Ok((payload, body, stamp))
            }
            Err(status) => {
                self.buffers.give_back(payload);
                Err(status)
            }
        }
    }

    /// The one place where the set changes: it is whole and valid by now.
    fn put_in_force(&mut self, set: DirectiveSet, stamp: Stamp) -> u32 {
        let directives = number(set.len());
        if let Some(replaced) = self.loaded.replace(Loaded { set, stamp }) {
            self.buffers.give_back(replaced.set.into_image());
        }
        directives
    }

    fn refuse(&mut self, status: Status, why: &str) -> Status {
        self.buffers.refuse(why);
        status
    }
}

/// Counts fit: a buffer or a set that would not is refused long before.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
