//! The benchmarks: Aldis and its peers at the same work, in one run.

pub mod reference;
pub mod scene;
