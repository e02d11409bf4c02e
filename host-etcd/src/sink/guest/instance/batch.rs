//! Many requests in one call: the boundary is crossed once.

use aldis_abi::{ANSWER_BYTES, EncodeError, FRAME_BYTES, MAX_REQUEST_BUFFER, encode, name, put_frame_len};
use aldis_core::{Decision, FactSet, Request, UnixMillis};

use super::super::budget::Budget;
use super::super::fault::{Fault, GuestError, answer};
use super::{FIRST_RESERVATION, GuestInstance, facts, number};

impl GuestInstance {
    /// Decides on many requests at one point in time and appends the decisions, in order.
    ///
    /// Cost: one copy of the text that the loaded image asks for, one call, and a look at each answer. Pays from a handful
    /// of requests on. All of it has the deadline of one load.
    ///
    /// # Errors
    ///
    /// [`GuestError`]; no decision is appended then. All requests together may take 16 MiB.
    pub fn evaluate_batch(
        &mut self,
        requests: &[Request<'_>],
        now: UnixMillis,
        decisions: &mut Vec<Decision>,
    ) -> Result<(), GuestError> {
        if requests.is_empty() {
            return Ok(());
        }
        let len = self.write_batch(requests)?;
        Budget::begin_call(&mut self.store, self.engine.limits().load_deadline);
        let returned =
            self.evaluate_batch.call(&mut self.store, (number(len)?, now.as_u64().cast_signed()))?;
        if answer(returned)? != requests.len() {
            return Err(Fault::Nonsense("it answered other requests than it was asked").into());
        }
        let before = decisions.len();
        let result = self.append_answers(requests.len(), decisions);
        if result.is_err() {
            decisions.truncate(before);
        }
        result
    }

    fn append_answers(&mut self, count: usize, decisions: &mut Vec<Decision>) -> Result<(), GuestError> {
        let at = self.room.start;
        let len = count.saturating_mul(ANSWER_BYTES);
        let answers = self.memory.data(&self.store).get(at..at.saturating_add(len));
        let (answers, _) = answers.ok_or(Fault::Nonsense("a place outside of its memory"))?.as_chunks();
        decisions.reserve(count);
        for &packed in answers {
            decisions.push(self.decision(u64::from_le_bytes(packed))?);
        }
        Ok(())
    }

    /// Writes the requests, each behind its length; reserves more where they do not fit, and begins anew there.
    fn write_batch(&mut self, requests: &[Request<'_>]) -> Result<usize, GuestError> {
        loop {
            let room = self.memory.data_mut(&mut self.store).get_mut(self.room.clone()).unwrap_or_default();
            match frames(requests, self.asked, room) {
                Ok(len) => return Ok(len),
                Err(EncodeError::TooLong) => return Err(GuestError::TooLong),
                Err(EncodeError::NoRoom { needed }) => {
                    // Twice what is known to be needed, so that the last of many requests is not reached in many
                    // small steps. What is needed beyond the limit, the guest refuses.
                    let more =
                        needed.saturating_mul(2).clamp(FIRST_RESERVATION, MAX_REQUEST_BUFFER).max(needed);
                    self.room = self.reserve(name::REQUEST_RESERVE, more)?;
                    self.bytes_mut(self.room.clone())?;
                }
            }
        }
    }
}

/// Says how many bytes the framed requests took. What it calls needed is what the requests up to the first that does
/// not fit take.
fn frames(requests: &[Request<'_>], asked: FactSet, room: &mut [u8]) -> Result<usize, EncodeError> {
    let mut at = 0_usize;
    for request in requests {
        let begin = at.saturating_add(FRAME_BYTES);
        let missing = |needed: usize| EncodeError::NoRoom { needed: begin.saturating_add(needed) };
        let text = room.get_mut(begin..).ok_or_else(|| missing(0))?;
        let len = encode(&facts(request, asked), text).map_err(|error| match error {
            EncodeError::NoRoom { needed } => missing(needed),
            too_long @ EncodeError::TooLong => too_long,
        })?;
        room.get_mut(at..).and_then(|frame| put_frame_len(frame, len)).ok_or_else(|| missing(len))?;
        at = begin.saturating_add(len);
    }
    Ok(at)
}
