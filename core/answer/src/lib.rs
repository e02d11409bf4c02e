//! What is said about documents and decisions, and how: one shape for the command, the relay and the browser, so that who
//! reads one can read the others.
//!
//! [`warnings`] tells what is legal and probably not meant, [`Difference`] what changes from one document to the next,
//! [`Reach`] in words what one directive takes in, [`schema`] what a document may hold, [`Digest`] is what operators
//! compare. [`Checked`], [`Decided`] and their kin are the JSON of it. Fields may be added; those of today keep name and
//! meaning.
//!
//! This crate does no I/O, reads no clock and needs no `std`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod checked;
mod decided;
mod difference;
mod digest;
mod question;
mod reach;
mod schema;
mod warning;

pub use checked::{Checked, JsonWarning};
pub use decided::{Decided, Line, lines};
pub use difference::{Change, Difference, JsonChange, JsonDifference};
pub use digest::{Digest, NoDigest};
pub use question::{Facts, Time, UnknownEndpoint};
pub use reach::Reach;
pub use schema::{Json, schema};
pub use warning::{Warning, WarningKind, warnings};
