//! Modules that look like guests, written by hand: right in form, and as wrong inside as a test wants.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::fmt::Write;

use aldis_abi::{FUNCTIONS, Function, ValueType, name};

/// A packed decision: off, by no directive.
pub(crate) const OFF: &str = "(i64.const 0xffffffff)";

/// The source of a guest. Every function is there and answers something harmless until it is replaced.
pub(crate) struct Guest {
    functions: Vec<(String, String, String)>,
    memory: String,
    further: String,
}

impl Guest {
    /// Speaks the right version, takes every set for one directive, and decides `OFF`.
    pub(crate) fn harmless() -> Self {
        let functions = FUNCTIONS.iter().map(|function| {
            let body = match function.name {
                name::ABI_VERSION | name::LOAD_IMAGE | name::LOAD_DOCUMENT => "(i32.const 1)",
                name::REQUEST_RESERVE => "(i32.const 1024)",
                name::SET_RESERVE => "(i32.const 8192)",
                name::EVALUATE => OFF,
                _ => "(i32.const 0)",
            };
            (function.name.to_string(), signature(function), body.to_string())
        });
        Self {
            functions: functions.collect(),
            memory: "(memory (export \"memory\") 2)".into(),
            further: String::new(),
        }
    }

    /// With another body for a function. Its parameters are `$0`, `$1` and `$2`.
    pub(crate) fn with(mut self, name: &str, body: &str) -> Self {
        self.function(name).2 = body.into();
        self
    }

    /// With another signature, and a body that fits it.
    pub(crate) fn with_type(mut self, name: &str, signature: &str, body: &str) -> Self {
        *self.function(name) = (name.into(), signature.into(), body.into());
        self
    }

    /// Without a function.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.functions.retain(|(function, ..)| function != name);
        self
    }

    /// With another memory.
    pub(crate) fn with_memory(mut self, memory: &str) -> Self {
        self.memory = memory.into();
        self
    }

    /// With something more.
    pub(crate) fn and(mut self, further: &str) -> Self {
        self.further.push_str(further);
        self
    }

    /// With something that must come first, as imports must.
    pub(crate) fn importing(mut self, import: &str) -> Self {
        self.memory.insert_str(0, import);
        self
    }

    /// The module.
    pub(crate) fn wasm(&self) -> Vec<u8> {
        let mut text = format!("(module {}", self.memory);
        for (name, signature, body) in &self.functions {
            write!(text, "(func (export \"{name}\") {signature} {body})").expect("writes to memory");
        }
        write!(text, "{})", self.further).expect("writes to memory");
        wat::parse_str(&text).expect("is a module")
    }

    fn function(&mut self, name: &str) -> &mut (String, String, String) {
        self.functions.iter_mut().find(|(function, ..)| function == name).expect("is a function of the ABI")
    }
}

fn signature(function: &Function) -> String {
    let word = |of: ValueType| match of {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
    };
    let params = function.params.iter().enumerate();
    let params: String = params.map(|(place, &of)| format!("(param ${place} {}) ", word(of))).collect();
    format!("{params}(result {})", word(function.result))
}
