//! Which names of headers may come in and go out, and that no name does both.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::ConfigError;
use crate::outputs::Header;
use crate::wanted::{Slot, Wanted};

/// The names that a configuration uses.
#[derive(Debug, Default)]
pub(super) struct Names {
    wanted: Wanted,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Names {
    /// A header that a fact is read from.
    pub(super) fn input(&mut self, place: &str, name: &str) -> Result<Slot, ConfigError> {
        let is_pseudo = [":authority", ":method", ":path", ":scheme"].contains(&name);
        let name = if is_pseudo { String::from(name) } else { header_name(place, name)? };
        let slot = self.slot(place, &name)?;
        self.inputs.push(name);
        Ok(slot)
    }

    /// A header that a decision goes out by.
    pub(super) fn output(&mut self, place: &str, name: &str) -> Result<Header, ConfigError> {
        let name = header_name(place, name)?;
        if name == "host" {
            return Err(ConfigError::new(place, "this header cannot be ours to set"));
        }
        if self.outputs.contains(&name) {
            return Err(ConfigError::new(place, "another output has this name"));
        }
        let slot = self.slot(place, &name)?;
        self.outputs.push(name.clone());
        Ok(Header { name, slot })
    }

    /// All of them, unless one is an input and an output: what clients send under an output's name does not count.
    pub(super) fn finish(self) -> Result<Wanted, ConfigError> {
        match self.outputs.iter().find(|name| self.inputs.contains(name)) {
            Some(name) => Err(ConfigError::new(name, "a header that goes out cannot be read from as well")),
            None => Ok(self.wanted),
        }
    }

    fn slot(&mut self, place: &str, name: &str) -> Result<Slot, ConfigError> {
        self.wanted.slot(name).ok_or_else(|| ConfigError::new(place, "these are too many headers"))
    }
}

/// A name as Envoy has it, in lower case.
fn header_name(place: &str, name: &str) -> Result<String, ConfigError> {
    // The characters of a token in RFC 9110.
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(in_token) {
        return Err(ConfigError::new(place, "this is no name of a header"));
    }
    Ok(name.to_ascii_lowercase())
}
