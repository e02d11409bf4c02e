//! Every bound of the document and the image, with its reason. Each is tested at the limit and one past it.

/// Bytes of one document. Ten times what etcd takes under one key, so that a relay or a file may hold more, and
/// small enough that a refusal costs no more than a read.
pub const MAX_BODY_BYTES: usize = 16 << 20;

/// Nesting of arrays and objects. A legal document needs four; the rest is room for fields to come.
pub const MAX_DEPTH: u32 = 8;

/// Directives in one document. What fits into [`MAX_BODY_BYTES`] at the usual size, rounded up.
pub const MAX_DIRECTIVES: usize = 200_000;

/// Bytes of a directive's `id`: it travels in headers and log lines.
pub const MAX_ID_BYTES: usize = 128;

/// Bytes of one target value, label name or label value: longer names are not names.
pub const MAX_TARGET_BYTES: usize = 256;

/// Values in one any-of list.
pub const MAX_ANY_OF: usize = 64;

/// Product of the lengths of one directive's any-of lists: the number of table entries it costs.
pub const MAX_TARGET_PRODUCT: usize = 1024;

/// Table entries of one set over all its directives. Bounds an image at some tens of megabytes, whatever
/// [`MAX_DIRECTIVES`] and [`MAX_TARGET_PRODUCT`] would allow together.
pub const MAX_ENTRIES: usize = 1 << 20;

/// Labels in one directive.
pub const MAX_LABELS: usize = 16;

/// Bytes of a `salt`.
pub const MAX_SALT_BYTES: usize = 128;

/// Seconds of a relative lifetime: one year. What should outlive it is configuration, not diagnostics.
pub const MAX_TTL_SECS: u64 = 31_536_000;

/// Requests in a thousand that a full sample takes.
pub const FULL_SAMPLE: u16 = 1000;

/// Version of the image layout that this build writes and reads.
pub const IMAGE_VERSION: u16 = 2;
