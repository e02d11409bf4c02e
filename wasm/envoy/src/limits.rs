//! Every bound of the filter, and why it lies where it does.

/// Bytes of an image. As many directives as a document may have make one of some 17 MB; what is several times larger comes
/// from no relay of ours, and is not copied into the VM.
pub const MAX_IMAGE_BYTES: usize = 64 << 20;

/// Names of request headers that a configuration may have to do with: one for each attribute and label, and those that go
/// out. They lie on the stack while a request is looked at.
pub const MAX_WANTED: usize = 40;

/// Labels of a request. As many as one directive can ask for.
pub const MAX_LABELS: usize = 16;

/// Translations that one attribute may have. They are looked through one by one.
pub const MAX_TRANSLATIONS: usize = 64;

/// Milliseconds for which an instance may be silent before it is missed, and before another takes over if it is the one that
/// polls. Far above a busy worker's pauses, and below what anybody waits for a flip after a VM was lost.
pub const SILENCE_MS: u64 = 3_000;

/// The same, but for an instance that wakes so seldom that [`SILENCE_MS`] is too short: two of its ticks may fail.
pub const SILENCE_TICKS: u64 = 3;

/// Milliseconds that lie at most between two tries while the relay fails.
pub const MAX_BACKOFF_MS: u64 = 10_000;

/// So often a relay must answer with an older revision than the one in force before it is believed: a lagging member of a
/// cluster is asked again meanwhile, and an etcd that was restored to an older state is followed.
pub const OLDER_ANSWERS: u32 = 3;

/// Milliseconds for which it must do so: it may have been cut off, and takes ten seconds of silence to know.
pub const OLDER_MS: u64 = 15_000;

/// Milliseconds after its deadline at which a call is given up that Envoy never called back for.
pub const CALL_GRACE_MS: u64 = 5_000;

/// Instances of the filter in one proxy that are kept count of: a few for each worker.
pub const MAX_INSTANCES: usize = 4_096;

/// Milliseconds between two times that an instance says that it is there, and that one says by which time it decides: often
/// enough that one may come late.
pub const ROLL_MS: u64 = 1_000;
