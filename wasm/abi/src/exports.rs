//! What a guest exports, as data: hosts look the names up here, and the test of the built module compares against
//! the same table.

/// A value type of WebAssembly; the boundary uses these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// One exported function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name of the export.
    pub name: &'static str,
    /// Types of the parameters.
    pub params: &'static [ValueType],
    /// Type of the one result.
    pub result: ValueType,
}

/// The name of the exported linear memory.
pub const MEMORY: &str = "memory";

/// Names of the exported functions.
pub mod name {
    /// `() -> version`
    pub const ABI_VERSION: &str = "aldis_abi_version";
    /// `(len) -> pointer | status`
    pub const REQUEST_RESERVE: &str = "aldis_request_reserve";
    /// `(len) -> pointer | status`
    pub const SET_RESERVE: &str = "aldis_set_reserve";
    /// `(len) -> directives | status`
    pub const LOAD_IMAGE: &str = "aldis_load_image";
    /// `(len, anchor_ms) -> directives | status`
    pub const LOAD_DOCUMENT: &str = "aldis_load_document";
    /// `(len, now_ms) -> packed decision`
    pub const EVALUATE: &str = "aldis_evaluate";
    /// `(len, now_ms) -> decisions | status`
    pub const EVALUATE_BATCH: &str = "aldis_evaluate_batch";
    /// `(len, now_ms, first) -> bytes of output | status`
    pub const EXPLAIN: &str = "aldis_explain";
    /// `(place) -> bytes of output | status`
    pub const DIRECTIVE_ID: &str = "aldis_directive_id";
    /// `() -> bytes of output | status`
    pub const INFO: &str = "aldis_info";
    /// `() -> bytes of output | status`
    pub const LAST_ERROR: &str = "aldis_last_error";
    /// `() -> pointer`
    pub const OUTPUT: &str = "aldis_output";
}

/// Every exported function. A guest exports these and [`MEMORY`], and imports nothing.
pub const FUNCTIONS: &[Function] = {
    use ValueType::{I32, I64};
    &[
        Function { name: name::ABI_VERSION, params: &[], result: I32 },
        Function { name: name::REQUEST_RESERVE, params: &[I32], result: I32 },
        Function { name: name::SET_RESERVE, params: &[I32], result: I32 },
        Function { name: name::LOAD_IMAGE, params: &[I32], result: I32 },
        Function { name: name::LOAD_DOCUMENT, params: &[I32, I64], result: I32 },
        Function { name: name::EVALUATE, params: &[I32, I64], result: I64 },
        Function { name: name::EVALUATE_BATCH, params: &[I32, I64], result: I32 },
        Function { name: name::EXPLAIN, params: &[I32, I64, I32], result: I32 },
        Function { name: name::DIRECTIVE_ID, params: &[I32], result: I32 },
        Function { name: name::INFO, params: &[], result: I32 },
        Function { name: name::LAST_ERROR, params: &[], result: I32 },
        Function { name: name::OUTPUT, params: &[], result: I32 },
    ]
};
