//! The benchmarks: Aldis and its peers at the same work, in one run.

#[path = "../../rig/model.rs"]
pub mod model;
pub mod reference;
pub mod scene;
