//! The exports of the module, the allocator, and what a panic would do. Each export turns integers into lengths
//! and results into integers; what happens in between is [`Guest`].
//!
//! All `unsafe` of the crate is here. The attribute on each export promises that no other symbol has its name: they
//! all begin with `aldis_`, and nothing else is linked in that defines such a name.

use core::cell::UnsafeCell;

use aldis_abi::{Status, VERSION};
use aldis_core::UnixMillis;
use dlmalloc::GlobalDlmalloc;

use crate::guest::Guest;

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

/// The last resort, which nothing a host can pass should reach: the host sees a trap and throws the instance away.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(target_feature = "atomics")]
compile_error!("the guest's state is not shared between threads: build it without `atomics`");

struct State(UnsafeCell<Guest>);

// SAFETY: a module without the `atomics` feature (checked above) has one thread, so there is nothing to synchronise.
unsafe impl Sync for State {}

static STATE: State = State(UnsafeCell::new(Guest::new()));

fn with_guest<R>(call: impl FnOnce(&mut Guest) -> R) -> R {
    // SAFETY: this is the only place that reaches into `STATE`. Each export calls it once, no `call` calls an export, and
    // the module has no imports through which a host could re-enter while one runs; so no second reference exists
    // while this one lives, and `R` cannot borrow from it.
    call(unsafe { &mut *STATE.0.get() })
}

#[unsafe(no_mangle)]
extern "C" fn aldis_abi_version() -> i32 {
    VERSION
}

#[unsafe(no_mangle)]
extern "C" fn aldis_request_reserve(len: i32) -> i32 {
    with_guest(|guest| place(guest.reserve_request(length(len))))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_set_reserve(len: i32) -> i32 {
    with_guest(|guest| place(guest.reserve_set(length(len))))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_load_image(len: i32) -> i32 {
    with_guest(|guest| count(guest.load_image(length(len))))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_load_document(len: i32, anchor_ms: i64) -> i32 {
    with_guest(|guest| count(guest.load_document(length(len), millis(anchor_ms))))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_evaluate(len: i32, now_ms: i64) -> i64 {
    with_guest(|guest| guest.evaluate(length(len), millis(now_ms)).cast_signed())
}

#[unsafe(no_mangle)]
extern "C" fn aldis_evaluate_batch(len: i32, now_ms: i64) -> i32 {
    with_guest(|guest| count(guest.evaluate_batch(length(len), millis(now_ms))))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_explain(len: i32, now_ms: i64, first: i32) -> i32 {
    with_guest(|guest| written(guest.explain(length(len), millis(now_ms), length(first))))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_directive_id(place: i32) -> i32 {
    with_guest(|guest| written(guest.directive_id(length(place))))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_info() -> i32 {
    with_guest(|guest| written(Ok(guest.info())))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_last_error() -> i32 {
    with_guest(|guest| written(Ok(guest.last_error())))
}

#[unsafe(no_mangle)]
extern "C" fn aldis_output() -> i32 {
    with_guest(|guest| address(guest.output()))
}

/// Lengths are unsigned; WebAssembly's integers have no sign of their own.
const fn length(len: i32) -> usize {
    // `usize` has 32 bits here.
    len.cast_unsigned() as usize
}

const fn millis(at: i64) -> UnixMillis {
    UnixMillis::new(at.cast_unsigned())
}

fn count(count: Result<u32, Status>) -> i32 {
    count.map_or_else(Status::as_i32, |count| i32::try_from(count).unwrap_or(i32::MAX))
}

fn written(output: Result<&[u8], Status>) -> i32 {
    output.map_or_else(Status::as_i32, |output| i32::try_from(output.len()).unwrap_or(i32::MAX))
}

fn place(buffer: Result<&mut [u8], Status>) -> i32 {
    buffer.map_or_else(Status::as_i32, |buffer| address(buffer))
}

/// Where a buffer lies, for the host to read and write. A host's limit on memory lies far below 2 GiB, where addresses
/// would turn negative.
fn address(buffer: &[u8]) -> i32 {
    i32::try_from(buffer.as_ptr().expose_provenance()).unwrap_or(Status::OutOfMemory.as_i32())
}
