//! The code of the guest as it is linked into a native program: what a fuzzer can look into.

use aldis_abi::Status;
use aldis_core::UnixMillis;
use aldis_guest::Guest;

use super::{Boundary, Buffer, Call};

/// Turns numbers into lengths and results into numbers, as the exports of the module do.
#[derive(Default)]
pub(crate) struct Native(Guest);

impl Boundary for Native {
    fn call(&mut self, call: Call) -> Result<i64, String> {
        let guest = &mut self.0;
        let length = |len: u32| len as usize;
        Ok(match call {
            Call::ReserveRequest(len) => number(guest.reserve_request(length(len)).map(|_| 1)),
            Call::ReserveSet(len) => number(guest.reserve_set(length(len)).map(|_| 1)),
            Call::LoadImage(len) => number(guest.load_image(length(len))),
            Call::LoadDocument(len, anchor) => {
                number(guest.load_document(length(len), UnixMillis::new(anchor)))
            }
            Call::Evaluate(len, now) => guest.evaluate(length(len), UnixMillis::new(now)).cast_signed(),
            Call::EvaluateBatch(len, now) => number(guest.evaluate_batch(length(len), UnixMillis::new(now))),
            Call::Explain(len, now, first) => {
                written(guest.explain(length(len), UnixMillis::new(now), length(first)))
            }
            Call::DirectiveId(place) => written(guest.directive_id(length(place))),
            Call::Info => written(Ok(guest.info())),
            Call::LastError => written(Ok(guest.last_error())),
        })
    }

    fn write(&mut self, buffer: Buffer, bytes: &[u8]) -> Result<(), String> {
        let reserved = match buffer {
            // Asked for as much again, a buffer stays as it is.
            Buffer::Request => self.0.reserve_request(bytes.len()),
            Buffer::Set => self.0.reserve_set(bytes.len()),
        };
        let room = reserved.map_err(|status| format!("{status:?}"))?;
        room.get_mut(..bytes.len()).ok_or("too short")?.copy_from_slice(bytes);
        Ok(())
    }

    fn answers(&mut self, len: usize) -> Result<Vec<u8>, String> {
        // Of an empty batch there are none, and asking for the buffer would make it.
        if len == 0 {
            return Ok(Vec::new());
        }
        let buffer = self.0.reserve_request(len).map_err(|status| format!("{status:?}"))?;
        Ok(buffer.get(..len).ok_or("too short")?.to_vec())
    }

    fn output(&mut self, len: usize) -> Result<Vec<u8>, String> {
        Ok(self.0.output().get(..len).ok_or("too short")?.to_vec())
    }
}

fn number(count: Result<u32, Status>) -> i64 {
    count.map_or_else(|status| status.as_i32().into(), i64::from)
}

fn written(output: Result<&[u8], Status>) -> i64 {
    number(output.map(|output| output.len() as u32))
}
