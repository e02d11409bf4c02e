//! Guests that were compiled before: why bytes are not one, and the place where they are believed to be.

mod head;

use aldis_abi::VERSION as ABI;
use aldis_core::limits::IMAGE_VERSION as IMAGE;
use wasmtime::{Engine, Module};

use super::engine::{EngineError, GuestEngine, GuestLimits, config, not_a_module};
use head::{ALDIS, LAYOUT, WASMTIME, unseal};

#[cfg(feature = "guest")]
pub(super) use head::seal;

/// Why bytes are not a precompiled guest for this host. The remedy is always the same: compile it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrecompiledError {
    /// They do not begin as a precompiled guest does.
    #[error("not a precompiled guest")]
    Foreign,
    /// They were cut off, or changed.
    #[error("the precompiled guest is damaged: its checksum does not match")]
    Damaged,
    /// Another version of Aldis wrote them, in another layout.
    #[error("the precompiled guest has layout {found}, this version of Aldis reads {LAYOUT}")]
    Layout {
        /// The version of the layout.
        found: u32,
    },
    /// A host compiled it that speaks another version of the boundary.
    #[error("the guest was precompiled for version {found} of the ABI, this host speaks version {ABI}")]
    Abi {
        /// The version of the ABI.
        found: i32,
    },
    /// Its guest reads images of another version than this host makes.
    #[error("the guest was precompiled for images of version {found}, this host makes version {IMAGE}")]
    Image {
        /// The version of the images.
        found: u16,
    },
    /// Another version of Aldis made it, and its guest may not read what this one hands it, or mean something else by it.
    #[error("the guest was precompiled by Aldis {found}, this is Aldis {ALDIS}")]
    Aldis {
        /// The version of that Aldis.
        found: String,
    },
    /// Another wasmtime compiled it, be it only another patch: what a patch mends may be the compiler.
    #[error("the guest was precompiled by wasmtime {found}, this is wasmtime {WASMTIME}")]
    Wasmtime {
        /// The version of that wasmtime.
        found: String,
    },
    /// The code is for another system or processor, or was made by other settings than those guests run under.
    #[error("the precompiled guest does not fit this host: {reason}")]
    Incompatible {
        /// What wasmtime says.
        reason: String,
    },
}

impl GuestEngine {
    /// Loads a guest that was compiled before, by `GuestEngine::serialize` or `GuestEngine::precompile`, which only hosts
    /// with a compiler have.
    ///
    /// Only what those wrote, whole, for this version of Aldis and of wasmtime and for this processor, is loaded. What to
    /// do otherwise is the caller's to say, and nothing compiles in silence:
    ///
    /// ```no_run
    /// # #[cfg(feature = "guest")] {
    /// use aldis_etcd::sink::guest::{EngineError, GuestEngine, GuestLimits};
    ///
    /// fn guests(code: &'static [u8]) -> Result<GuestEngine, EngineError> {
    ///     // SAFETY: `code` comes by `include_bytes!`, from a build that ran `aldis precompile`.
    ///     match unsafe { GuestEngine::deserialize(code, GuestLimits::STANDARD) } {
    ///         Err(EngineError::Precompiled(why)) => {
    ///             eprintln!("{why}; compiling the guest instead");
    ///             GuestEngine::embedded(GuestLimits::STANDARD)
    ///         }
    ///         ready => ready,
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// Cost: one copy of the code and its checksum, well below a millisecond; `bytes` are not needed afterwards.
    ///
    /// # Safety
    ///
    /// `bytes` must be what one of those two returned, unchanged. **They are machine code, and run with all the rights of
    /// this process**: who can write them, or the file that they come from, can do whatever this process can. The checks
    /// tell code that does not fit, and accidents on the way; they do not tell code that was made to harm. So take them
    /// from where the program itself comes from — from inside of the executable, or from a file that none but those who
    /// may replace the executable may write — and never from a place that others can write to as well, such as `/tmp`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Precompiled`] says why the bytes are refused; the others are those of a guest compiled here.
    #[allow(unsafe_code, reason = "machine code can be believed, not checked: the caller answers for it")]
    pub unsafe fn deserialize(bytes: &[u8], limits: GuestLimits) -> Result<Self, EngineError> {
        let artifact = unseal(bytes)?;
        let engine = Engine::new(&config()).map_err(not_a_module)?;
        // SAFETY: the caller answers for it that these bytes are what `seal` was given, which was what wasmtime serialized.
        let module = unsafe { Module::deserialize(&engine, artifact) };
        let module =
            module.map_err(|error| PrecompiledError::Incompatible { reason: format!("{error:#}") })?;
        Self::over(engine, &module, limits)
    }
}
