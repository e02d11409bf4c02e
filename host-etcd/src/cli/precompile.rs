//! `aldis precompile`: the guest as machine code, for `GuestEngine::deserialize`.
//!
//! Who builds a proxy without the compiler runs this where the proxy is built, with an `aldis` of the same version.

use std::io::{self, IsTerminal};

use super::args::PrecompileArgs;
use super::console::Console;
use super::failure::{Answer, Failure};
use super::input;
use crate::sink::guest::{EngineError, GuestEngine, GuestLimits, embedded_module};

/// Prints the machine code, whatever the format: it is neither text nor JSON.
pub(super) fn run(args: &PrecompileArgs, console: &mut Console) -> Result<Answer, Failure> {
    if io::stdout().is_terminal() {
        return Err(Failure::trouble(
            "machine code is nothing for a terminal; write it to a file by `> FILE`",
        ));
    }
    let code = match &args.module {
        None => precompile(embedded_module(), args.target.as_deref()),
        Some(path) => precompile(&input::read_all(path)?, args.target.as_deref()),
    };
    console.bytes(&code.map_err(|error| Failure::trouble(error.to_string()))?)?;
    Ok(Answer::Yes)
}

/// Compiled for this machine in any case: only then it shows whether the module is a guest, which the fleet should not be
/// the first to find out.
fn precompile(module: &[u8], target: Option<&str>) -> Result<Vec<u8>, EngineError> {
    let engine = GuestEngine::from_wasm(module, GuestLimits::STANDARD)?;
    match target {
        None => engine.serialize(),
        Some(target) => GuestEngine::precompile(module, target),
    }
}
