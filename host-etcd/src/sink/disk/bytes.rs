//! Numbers, strings and options, written and read in order. No length makes the reader allocate.

use std::time::Duration;

use aldis_core::UnixMillis;

use super::StateError;
use crate::clock::Moment;
use crate::kv::Revision;
use crate::mirror::Digest;

/// Bytes to be written.
#[derive(Default)]
pub(super) struct Output(pub(super) Vec<u8>);

/// Bytes still to be read.
pub(super) struct Input<'b>(pub(super) &'b [u8]);

impl Output {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    pub(super) fn string(&mut self, string: &[u8]) {
        self.length(string.len());
        self.0.extend_from_slice(string);
    }

    pub(super) fn digest(&mut self, digest: &Digest) {
        self.0.extend_from_slice(digest.as_bytes());
    }

    pub(super) fn moment(&mut self, moment: Moment) {
        self.number(moment.at.as_u64());
        self.number(u64::try_from(moment.lead.as_millis()).unwrap_or(u64::MAX));
    }
}

impl<'b> Input<'b> {
    pub(super) fn byte(&mut self) -> Result<u8, StateError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, StateError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn string(&mut self) -> Result<&'b [u8], StateError> {
        let length = self.number()?;
        let length = usize::try_from(length).map_err(|_| ENDS_EARLY)?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(string)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn revision(&mut self) -> Result<Revision, StateError> {
        self.number().map(Revision::new)
    }

    pub(super) fn point(&mut self) -> Result<UnixMillis, StateError> {
        self.number().map(UnixMillis::new)
    }

    pub(super) fn digest(&mut self) -> Result<Digest, StateError> {
        self.array().map(Digest::from_bytes)
    }

    pub(super) fn moment(&mut self) -> Result<Moment, StateError> {
        Ok(Moment { at: self.point()?, lead: Duration::from_millis(self.number()?) })
    }

    pub(super) fn end(self) -> Result<(), StateError> {
        match self.0 {
            [] => Ok(()),
            _ => Err(StateError::Malformed { what: "there are bytes behind its end" }),
        }
    }
}

const ENDS_EARLY: StateError = StateError::Malformed { what: "it ends within a field" };
