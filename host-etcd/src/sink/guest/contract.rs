//! Whether a module is a guest at all: what it imports and exports.

use aldis_abi::{FUNCTIONS, Function, MEMORY, ValueType};
use wasmtime::{ExternType, FuncType, Module, ValType};

/// Why a module is not a guest of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// It wants something from the host. Guests get nothing.
    #[error("the module imports `{module}.{name}`; a guest imports nothing")]
    Import {
        /// Where from.
        module: String,
        /// What.
        name: String,
    },
    /// An export is not there.
    #[error("the module does not export `{0}`")]
    Missing(&'static str),
    /// An export has another type.
    #[error("the export `{0}` has another type")]
    WrongType(&'static str),
}

/// Holds a module to `wasm/ABI.md`: no imports, the memory, and every function with its type. Further exports are
/// none of ours.
///
/// # Errors
///
/// [`ContractError`], the first that is found.
pub fn check_contract(module: &Module) -> Result<(), ContractError> {
    if let Some(import) = module.imports().next() {
        return Err(ContractError::Import { module: import.module().into(), name: import.name().into() });
    }
    match module.get_export(MEMORY) {
        Some(ExternType::Memory(memory)) if !memory.is_64() && !memory.is_shared() => {}
        Some(_) => return Err(ContractError::WrongType(MEMORY)),
        None => return Err(ContractError::Missing(MEMORY)),
    }
    FUNCTIONS.iter().try_for_each(|function| match module.get_export(function.name) {
        Some(ExternType::Func(found)) if has_type(&found, function) => Ok(()),
        Some(_) => Err(ContractError::WrongType(function.name)),
        None => Err(ContractError::Missing(function.name)),
    })
}

fn has_type(found: &FuncType, wanted: &Function) -> bool {
    found.params().len() == wanted.params.len()
        && found.params().zip(wanted.params).all(|(found, &wanted)| is_type(&found, wanted))
        && found.results().len() == 1
        && found.results().all(|found| is_type(&found, wanted.result))
}

const fn is_type(found: &ValType, wanted: ValueType) -> bool {
    matches!((found, wanted), (ValType::I32, ValueType::I32) | (ValType::I64, ValueType::I64))
}
