//! The benchmarks: Aldis and its peers at the same work, in one run.

#[allow(clippy::must_use_candidate, reason = "as in the rig, where it comes from")]
#[path = "../../rig/model.rs"]
pub mod model;
pub mod reference;
pub mod scene;
