//! The version of the boundary and its bounds.

/// Version of the boundary. A host refuses a guest that answers another number: there is no negotiation.
pub const VERSION: i32 = 1;

/// Bytes that a host may reserve for requests. A single request needs a few hundred; the rest is for batches.
pub const MAX_REQUEST_BUFFER: usize = 16 << 20;

/// Bytes that a host may reserve for a document or an image with its stamp. Four times the largest document,
/// since an image spends more bytes on some directives than their spelling takes.
pub const MAX_SET_BUFFER: usize = 64 << 20;

/// Lines of one `aldis_explain` call. Bounds the guest's output buffer whatever the size of the set.
pub const EXPLAIN_LINES: usize = 256;
