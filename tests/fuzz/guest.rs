//! The guest's boundary: whatever calls a host makes and whatever it writes, a count or a known status comes back, never
//! a trap; a load that is refused changes nothing; and afterwards the guest still decides.

use std::fmt::Debug;

use aldis_abi::{Answer, INFO_BYTES, Info, MAX_REQUEST_BUFFER, MAX_SET_BUFFER, Status};

use super::NOW;
use super::bytes::Bytes;

mod native;
mod writing;

pub(crate) use native::Native;

/// A call as a host makes it: numbers, of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    ReserveRequest(u32),
    ReserveSet(u32),
    LoadImage(u32),
    LoadDocument(u32, u64),
    Evaluate(u32, u64),
    EvaluateBatch(u32, u64),
    Explain(u32, u64, u32),
    DirectiveId(u32),
    Info,
    LastError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    Request,
    Set,
}

/// A guest, in whatever it runs.
pub(crate) trait Boundary {
    /// What the export returns; of an `i32`, sign and all. An error is a trap.
    fn call(&mut self, call: Call) -> Result<i64, String>;

    /// Writes at the start of a buffer what fits into what was reserved. An error: the guest gave out a bad place.
    fn write(&mut self, buffer: Buffer, bytes: &[u8]) -> Result<(), String>;

    /// The first bytes of the request buffer, where a batch leaves its answers.
    fn answers(&mut self, len: usize) -> Result<Vec<u8>, String>;

    /// So many bytes of output. An error: they do not lie in the memory.
    fn output(&mut self, len: usize) -> Result<Vec<u8>, String>;
}

/// What a session saw, to compare one engine with another: places left out, each result, each output.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Transcript(Vec<(Call, i64, Vec<u8>)>);

/// Calls after which a session ends, however many bytes are left.
const MOST: usize = 100;

pub(crate) fn run(data: &[u8]) {
    holds(&mut Native::default(), data);
}

/// Lets the bytes loose on a fresh guest.
pub(crate) fn holds(guest: &mut dyn Boundary, data: &[u8]) -> Transcript {
    let mut session = Session { guest, bytes: Bytes::new(data), transcript: Transcript::default() };
    for _ in 0..MOST {
        if session.bytes.is_empty() {
            break;
        }
        session.step();
    }
    session.still_decides();
    session.transcript
}

/// A host without manners. It writes only where the guest let it, for the rest is not the boundary's promise.
struct Session<'s> {
    guest: &'s mut dyn Boundary,
    bytes: Bytes<'s>,
    transcript: Transcript,
}

impl Session<'_> {
    fn step(&mut self) {
        match self.bytes.one_of(4) {
            0 => self.write_request(),
            1 | 2 => self.load(),
            _ => {
                let call = writing::call(&mut self.bytes);
                self.ask(call);
            }
        }
    }

    /// Makes a call with whatever numbers it has, whatever lies in the buffers.
    fn ask(&mut self, call: Call) {
        match call {
            Call::ReserveRequest(_) | Call::ReserveSet(_) => drop(self.reserve(call)),
            Call::LoadImage(_) => drop(self.put_in_force(call, Status::BadImage)),
            Call::LoadDocument(..) => drop(self.put_in_force(call, Status::BadDocument)),
            Call::Evaluate(..) => self.evaluate(call),
            Call::EvaluateBatch(..) => self.batch(call),
            Call::Explain(..) => {
                drop(self.text(call, &[Status::NotReserved, Status::BadRequest, Status::OutOfMemory]));
            }
            Call::DirectiveId(_) => drop(self.text(call, &[Status::NoDirective])),
            Call::Info => drop(self.info()),
            Call::LastError => drop(self.text(call, &[])),
        }
    }

    /// Writes requests and asks about them, so that few bytes are a whole question.
    fn write_request(&mut self) {
        let batch = self.bytes.flag();
        let request = writing::request(&mut self.bytes, batch);
        let (len, now) = (request.len() as u32, writing::now(&mut self.bytes));
        if self.reserve(Call::ReserveRequest(len)).is_none() {
            return;
        }
        self.guest.write(Buffer::Request, &request).expect("was reserved");
        if batch {
            self.batch(Call::EvaluateBatch(len, now));
        } else {
            self.evaluate(Call::Evaluate(len, now));
        }
    }

    /// A document or an image, mostly damaged, with a length that is mostly right.
    fn load(&mut self) {
        let by_image = self.bytes.flag();
        let (payload, stamp) = writing::payload(&mut self.bytes, by_image);
        let mut len = payload.len() as u32;
        if self.reserve(Call::ReserveSet(len)).is_none() {
            return;
        }
        self.guest.write(Buffer::Set, &payload).expect("was reserved");
        if self.bytes.one_of(8) == 7 {
            len = writing::len(&mut self.bytes);
        }
        let (call, refused) = match by_image {
            true => (Call::LoadImage(len), Status::BadImage),
            false => (Call::LoadDocument(len, writing::now(&mut self.bytes)), Status::BadDocument),
        };
        let loaded = self.put_in_force(call, refused);
        if loaded.is_ok() && len as usize == payload.len() {
            assert_eq!(self.info().stamp, stamp);
        }
    }

    /// All of it or nothing of it, and in the second case it says why.
    fn put_in_force(&mut self, call: Call, refused: Status) -> Result<u32, Status> {
        let before = self.info();
        let loaded = self.status(call, &[refused, Status::NotReserved, Status::BadStamp]);
        let after = self.info();
        match loaded {
            Err(_) => assert_eq!(after, before, "{call:?} is refused, and yet changes what is in force"),
            Ok(directives) => assert_eq!(after.directives, directives, "{call:?}"),
        }
        let why = self.text(Call::LastError, &[]);
        assert!(loaded != Err(refused) || !why.is_empty(), "{call:?} is refused, and nobody says why");
        loaded
    }

    fn evaluate(&mut self, call: Call) {
        let packed = self.call(call);
        self.note(call, packed, Vec::new());
        is_answer(packed.cast_unsigned(), &[Status::NotReserved, Status::BadRequest, Status::OutOfMemory]);
    }

    fn batch(&mut self, call: Call) {
        let Ok(count) = self.status(call, &[Status::NotReserved, Status::BadBatch]) else { return };
        let answers = self.guest.answers(8 * count as usize).expect("lie in the buffer");
        for answer in answers.as_chunks::<8>().0 {
            is_answer(u64::from_le_bytes(*answer), &[Status::BadRequest, Status::OutOfMemory]);
        }
        self.note(call, count.into(), answers);
    }

    fn info(&mut self) -> Info {
        let info = self.output(Call::Info, &[]);
        assert_eq!(info.len(), INFO_BYTES);
        Info::from_bytes(&info).expect("is one")
    }

    fn text(&mut self, call: Call, expected: &[Status]) -> String {
        String::from_utf8(self.output(call, expected)).unwrap_or_else(|_| panic!("{call:?} gives no text"))
    }

    fn output(&mut self, call: Call, expected: &[Status]) -> Vec<u8> {
        let Ok(len) = self.status(call, expected) else { return Vec::new() };
        let output = self.guest.output(len as usize).unwrap_or_else(|what| panic!("{call:?}: {what}"));
        self.note(call, len.into(), output.clone());
        output
    }

    /// Whether there is a buffer now.
    fn reserve(&mut self, call: Call) -> Option<()> {
        let (asked, most) = match call {
            Call::ReserveRequest(len) => (len, MAX_REQUEST_BUFFER),
            Call::ReserveSet(len) => (len, MAX_SET_BUFFER),
            other => panic!("{other:?} reserves nothing"),
        };
        let returned = self.call(call);
        match split(returned) {
            Ok(place) => assert!(place > 0, "{call:?} gives out place zero"),
            Err(status) => {
                self.note(call, returned, Vec::new());
                let expected = if asked as usize > most { Status::TooLarge } else { Status::OutOfMemory };
                assert_eq!(status, Some(expected), "{call:?}");
            }
        }
        (returned > 0).then_some(())
    }

    fn status(&mut self, call: Call, expected: &[Status]) -> Result<u32, Status> {
        let returned = self.call(call);
        self.note(call, returned, Vec::new());
        split(returned).map_err(|status| {
            let known = status.filter(|status| expected.contains(status));
            known.unwrap_or_else(|| panic!("{call:?} answers {returned}, {status:?}"))
        })
    }

    fn call(&mut self, call: Call) -> i64 {
        self.guest.call(call).unwrap_or_else(|trap| panic!("{call:?} traps: {trap}"))
    }

    fn note(&mut self, call: Call, returned: i64, output: Vec<u8>) {
        self.transcript.0.push((call, returned, output));
    }

    fn still_decides(&mut self) {
        let payload = [writing::ONE_FOR_ALL, &[0; 40]].concat();
        let len = payload.len() as u32;
        assert!(self.reserve(Call::ReserveSet(len)).is_some());
        self.guest.write(Buffer::Set, &payload).expect("was reserved");
        assert_eq!(self.call(Call::LoadDocument(len, NOW.as_u64())), 1);
        assert!(self.reserve(Call::ReserveRequest(16)).is_some());
        self.guest.write(Buffer::Request, &[0; 16]).expect("was reserved");
        assert_eq!(self.call(Call::Evaluate(16, NOW.as_u64())), 1 << 32, "level Shape, by directive 0");
    }
}

/// A count, or a status if it is a known one.
fn split(returned: i64) -> Result<u32, Option<Status>> {
    Status::split(i32::try_from(returned).expect("is an i32"))
}

fn is_answer(packed: u64, expected: &[Status]) {
    let answer = Answer::unpack(packed).unwrap_or_else(|_| panic!("{packed:#x} is no decision"));
    assert!(answer.is_ok() || answer.is_err_and(|status| expected.contains(&status)), "{answer:?}");
}
