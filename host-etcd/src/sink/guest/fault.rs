//! What a guest can do wrong, and whose fault it is.

use aldis_abi::Status;
use wasmtime::Trap;

/// The instance broke and must not be used again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It ran longer than a call may.
    #[error("the guest ran past its deadline")]
    Deadline,
    /// The engine stopped it for anything else: unreachable code, memory out of bounds, the stack.
    #[error("the guest trapped: {0}")]
    Trap(String),
    /// It answered what no guest of ours answers.
    #[error("the guest answered nonsense: {0}")]
    Nonsense(&'static str),
}

/// Why a call into a guest has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// The guest refused, and is as it was before.
    #[error("the guest refused: {status}{}{why}", if why.is_empty() { "" } else { ": " })]
    Refused {
        /// What it answered.
        status: Status,
        /// What it says about a refused load, one JSON object; otherwise empty.
        why: String,
    },
    /// A fact or label is longer than the boundary carries. The guest was not called.
    #[error("a fact or label of the request is longer than 65535 bytes")]
    TooLong,
    /// The instance broke.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Deadline,
            Some(trap) => Self::Trap(trap.to_string()),
            None => Self::Trap(error.to_string()),
        }
    }
}

impl From<wasmtime::Error> for GuestError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Status> for GuestError {
    fn from(status: Status) -> Self {
        Self::Refused { status, why: String::new() }
    }
}

/// Splits an `i32` into an answer and a refusal.
pub(super) fn answer(returned: i32) -> Result<usize, GuestError> {
    match Status::split(returned) {
        Ok(answer) => usize::try_from(answer).map_err(|_| Fault::Nonsense("a number out of range").into()),
        Err(Some(status)) => Err(status.into()),
        Err(None) => Err(Fault::Nonsense("an unknown status").into()),
    }
}
