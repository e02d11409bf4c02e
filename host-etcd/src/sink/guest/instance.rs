//! One guest, live: writes into its memory, calls it, and believes nothing it answers.

mod batch;

use std::fmt;
use std::ops::Range;

use aldis_abi::{Answer, EXPLAIN_LINES, EncodeError, Facts, Info, STAMP_BYTES, Stamp, Status, encode, name};
use aldis_core::limits::MAX_DIRECTIVES;
use aldis_core::{Decision, DiagLevel, DirectiveIndex, FactSet, Request, UnixMillis};
use wasmtime::{Instance, Memory, Store, TypedFunc, WasmParams, WasmResults};

use super::budget::Budget;
use super::engine::GuestEngine;
use super::fault::{Fault, GuestError, answer};

/// What an ordinary request needs; a larger one reserves more.
const FIRST_RESERVATION: usize = 4096;

/// What a guest says about a refusal is cut here: it goes into logs.
const MAX_REASON_BYTES: usize = 4096;

/// Of one directive: its id, and the name of a label, each with its longest escapes.
const MAX_EXPLANATION_BYTES: usize = 4096;

/// One instance of a guest, for one thread. After a [`Fault`] it is broken: drop it.
pub struct GuestInstance {
    store: Store<Budget>,
    memory: Memory,
    evaluate: TypedFunc<(i32, i64), i64>,
    evaluate_batch: TypedFunc<(i32, i64), i32>,
    instance: Instance,
    /// Where requests are written.
    room: Range<usize>,
    /// How many directives the loaded set has: a decision cannot name one past it.
    directives: usize,
    /// The facts that the loaded set decides by. Others are not carried over to it.
    asked: FactSet,
    /// Also keeps the ticker behind the deadlines going for as long as this instance can be called.
    engine: GuestEngine,
}

impl GuestInstance {
    pub(super) fn new(engine: &GuestEngine) -> Result<Self, Fault> {
        let mut store = Store::new(engine.engine(), Budget::new(engine.store_limits()));
        Budget::hold(&mut store);
        // A module may run code while it is instantiated.
        Budget::begin_call(&mut store, engine.limits().load_deadline);
        let instance = engine.instances().instantiate(&mut store)?;
        let memory =
            instance.get_memory(&mut store, aldis_abi::MEMORY).ok_or(Fault::Nonsense("no memory"))?;
        let evaluate = instance.get_typed_func(&mut store, name::EVALUATE)?;
        let evaluate_batch = instance.get_typed_func(&mut store, name::EVALUATE_BATCH)?;
        Ok(Self {
            store,
            memory,
            evaluate,
            evaluate_batch,
            instance,
            room: 0..0,
            directives: 0,
            asked: FactSet::ALL,
            engine: engine.clone(),
        })
    }

    /// Puts an image in force; says how many directives it has. The previous set stays if this fails.
    ///
    /// Cost: one copy of the image and its validation in the guest.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn load_image(&mut self, image: &[u8], stamp: Stamp) -> Result<usize, GuestError> {
        let len = self.write_set(image, stamp)?;
        let returned = self.call(name::LOAD_IMAGE, len);
        self.loaded(returned, FactSet::of_image(image).unwrap_or(FactSet::ALL))
    }

    /// Has the guest decode a document and puts it in force; says how many directives it has. The previous set stays if
    /// this fails.
    ///
    /// # Errors
    ///
    /// [`GuestError`]; a refused document is [`GuestError::Refused`] with the decoder's error as JSON.
    pub fn load_document(
        &mut self,
        body: &[u8],
        anchor: UnixMillis,
        stamp: Stamp,
    ) -> Result<usize, GuestError> {
        let len = self.write_set(body, stamp)?;
        let returned = self.call(name::LOAD_DOCUMENT, (len, anchor.as_u64().cast_signed()));
        self.loaded(returned, FactSet::ALL)
    }

    /// Decides on one request.
    ///
    /// Cost: one copy of the text of those facts that the loaded image asks for, and one call.
    ///
    /// # Errors
    ///
    /// [`GuestError`]; without one the decision names a directive that the loaded set has.
    pub fn evaluate(&mut self, request: &Request<'_>, now: UnixMillis) -> Result<Decision, GuestError> {
        let len = self.write_request(request)?;
        Budget::begin_call(&mut self.store, self.engine.limits().call_deadline);
        let packed = self.evaluate.call(&mut self.store, (len, now.as_u64().cast_signed()))?;
        self.decision(packed.cast_unsigned())
    }

    /// Says of every directive, one JSON line each, whether it applies to the request, and if not why.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn explain(&mut self, request: &Request<'_>, now: UnixMillis) -> Result<String, GuestError> {
        let len = self.write_request(request)?;
        let (mut lines, mut first) = (String::new(), 0);
        while first < self.directives {
            let expected = EXPLAIN_LINES.min(self.directives.saturating_sub(first));
            let page = self.output(name::EXPLAIN, (len, now.as_u64().cast_signed(), number(first)?))?;
            if page.len() > expected.saturating_mul(MAX_EXPLANATION_BYTES) {
                return Err(Fault::Nonsense("longer explanations than there can be").into());
            }
            let page = String::from_utf8(page).map_err(|_| Fault::Nonsense("text that is not UTF-8"))?;
            if page.lines().count() != expected {
                return Err(Fault::Nonsense("other explanations than one for each directive").into());
            }
            first = first.saturating_add(expected);
            lines.push_str(&page);
        }
        Ok(lines)
    }

    /// The id of a directive of the loaded set.
    ///
    /// # Errors
    ///
    /// [`GuestError`]; refused with [`Status::NoDirective`] if the set has none at that place.
    pub fn directive_id(&mut self, index: DirectiveIndex) -> Result<String, GuestError> {
        let place = i32::try_from(index.as_u32()).map_err(|_| Status::NoDirective)?;
        let id = self.output(name::DIRECTIVE_ID, place)?;
        String::from_utf8(id).map_err(|_| Fault::Nonsense("text that is not UTF-8").into())
    }

    /// What the guest says of the set it holds.
    ///
    /// # Errors
    ///
    /// [`GuestError`].
    pub fn info(&mut self) -> Result<Info, GuestError> {
        let bytes = self.output(name::INFO, ())?;
        Info::from_bytes(&bytes).ok_or_else(|| Fault::Nonsense("an info of another length").into())
    }

    /// Bytes of the guest's memory. It never shrinks.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    pub(super) fn abi_version(&mut self) -> Result<i32, GuestError> {
        self.call(name::ABI_VERSION, ())
    }

    /// Takes a packed decision apart and holds it against what is known.
    fn decision(&self, packed: u64) -> Result<Decision, GuestError> {
        let answer = Answer::unpack(packed).map_err(|_| Fault::Nonsense("an unknown decision"))??;
        let decided_by = match answer.decided_by {
            Some(index) if usize::try_from(index).is_ok_and(|index| index < self.directives) => {
                Some(DirectiveIndex::new(index))
            }
            Some(_) => return Err(Fault::Nonsense("a directive that the set does not have").into()),
            None => None,
        };
        let level = DiagLevel::from_code(answer.level).ok_or(Fault::Nonsense("an unknown level"))?;
        Ok(Decision { level, ring_buffer: answer.ring_buffer, capture: answer.capture, decided_by })
    }

    /// Writes what is asked of a request into the guest's buffer, and reserves a larger one where it does not fit.
    fn write_request(&mut self, request: &Request<'_>) -> Result<i32, GuestError> {
        let facts = facts(request, self.asked);
        let room = self.memory.data_mut(&mut self.store).get_mut(self.room.clone()).unwrap_or_default();
        let written = match encode(&facts, room) {
            Err(EncodeError::NoRoom { needed }) => {
                self.room = self.reserve(name::REQUEST_RESERVE, needed.max(FIRST_RESERVATION))?;
                encode(&facts, self.bytes_mut(self.room.clone())?)
            }
            written => written,
        };
        number(written.map_err(|_| GuestError::TooLong)?)
    }

    fn write_set(&mut self, body: &[u8], stamp: Stamp) -> Result<i32, GuestError> {
        let len = body.len().saturating_add(STAMP_BYTES);
        let room = self.reserve(name::SET_RESERVE, len)?;
        let (body_room, stamp_room) = self
            .bytes_mut(room)?
            .split_at_mut_checked(body.len())
            .ok_or(Fault::Nonsense("a buffer of another length"))?;
        body_room.copy_from_slice(body);
        stamp_room.copy_from_slice(&stamp.to_bytes());
        number(len)
    }

    /// Asks for a buffer of `len` bytes. Where it lies is checked when it is used.
    fn reserve(&mut self, function: &str, len: usize) -> Result<Range<usize>, GuestError> {
        let asked = i32::try_from(len).map_err(|_| Status::TooLarge)?;
        let at = answer(self.call(function, asked)?)?;
        Ok(at..at.saturating_add(len))
    }

    fn loaded(&mut self, returned: Result<i32, GuestError>, asked: FactSet) -> Result<usize, GuestError> {
        match answer(returned?) {
            Ok(directives) if directives > MAX_DIRECTIVES => {
                Err(Fault::Nonsense("more directives than a set can have").into())
            }
            Ok(directives) => {
                self.directives = directives;
                self.asked = asked;
                Ok(directives)
            }
            Err(GuestError::Refused { status, .. }) => Err(self.refusal(status)),
            Err(error) => Err(error),
        }
    }

    fn refusal(&mut self, status: Status) -> GuestError {
        match self.output(name::LAST_ERROR, ()) {
            Ok(mut why) => {
                why.truncate(MAX_REASON_BYTES);
                GuestError::Refused { status, why: String::from_utf8_lossy(&why).into_owned() }
            }
            Err(error) => error,
        }
    }

    /// Calls what fills the guest's output, and reads it.
    fn output(&mut self, function: &str, params: impl WasmParams) -> Result<Vec<u8>, GuestError> {
        let len = answer(self.call(function, params)?)?;
        let at = answer(self.call(name::OUTPUT, ())?)?;
        Ok(self.bytes_mut(at..at.saturating_add(len))?.to_vec())
    }

    /// The rare calls: looked up by name, with the deadline of a load.
    fn call<P: WasmParams, R: WasmResults>(&mut self, function: &str, params: P) -> Result<R, GuestError> {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, function)?;
        Budget::begin_call(&mut self.store, self.engine.limits().load_deadline);
        Ok(function.call(&mut self.store, params)?)
    }

    /// A piece of the guest's memory, which the guest may have named wrongly.
    fn bytes_mut(&mut self, range: Range<usize>) -> Result<&mut [u8], Fault> {
        self.memory
            .data_mut(&mut self.store)
            .get_mut(range)
            .ok_or(Fault::Nonsense("a place outside of its memory"))
    }
}

impl fmt::Debug for GuestInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestInstance").field("directives", &self.directives).finish_non_exhaustive()
    }
}

/// What is asked of a request, as the boundary has it. In place, so that none of it is written down on the way.
#[inline(always)]
fn facts<'a>(request: &Request<'a>, asked: FactSet) -> Facts<'a> {
    let request = request.only(asked);
    Facts {
        tenant: request.tenant,
        index: request.index,
        principal: request.principal,
        request_id: request.request_id,
        trace_id: request.trace_id,
        endpoint: request.endpoint.map(|kind| kind.code()),
        labels: request.labels,
    }
}

/// A length as the boundary carries it.
fn number(len: usize) -> Result<i32, GuestError> {
    i32::try_from(len).map_err(|_| Status::TooLarge.into())
}
