//! What a relay and those that feed from it agree on.

use http::HeaderName;

/// Where the set is to be had as an image.
pub(crate) const IMAGE_PATH: &str = "/v1/image";
/// What an image is.
pub(crate) const IMAGE_TYPE: &str = "application/vnd.aldis.image";

/// The revision of the set, as a decimal number.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("aldis-revision");
/// Its digest, as 64 hexadecimal digits.
pub(crate) const DIGEST: HeaderName = HeaderName::from_static("aldis-digest");
/// The cluster that the revision counts in, in hexadecimal digits; zero while it is not known, as after a start from disk.
pub(crate) const CLUSTER: HeaderName = HeaderName::from_static("aldis-cluster");
/// What stands there then.
pub(crate) const UNKNOWN_CLUSTER: u64 = 0;
/// Whether the source confirms the set: the name of a [`State`](crate::State).
pub(crate) const STATE: HeaderName = HeaderName::from_static("aldis-state");
