//! The exports of the module, the allocator, and what a panic would do. Only callbacks that do something are exported: Envoy
//! skips the others, and each costs a way into the VM.
//!
//! The attribute on each export promises that no other symbol has its name: they are those of the ABI, and nothing else is
//! linked in that speaks it.

use alloc::alloc::{Layout, alloc};
use alloc::format;
use core::cell::UnsafeCell;
use core::ptr;

use dlmalloc::GlobalDlmalloc;

use crate::envoy::Envoy;
use crate::filter::Filter;
use crate::host::{Host, Level};

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

/// The last resort, which nothing a client or a relay sends should reach: Envoy sees a trap and gives the VM up.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    if let Some(place) = info.location() {
        Envoy.log(Level::Error, &format!("aldis: panicked at {place}"));
    }
    core::arch::wasm32::unreachable()
}

#[cfg(target_feature = "atomics")]
compile_error!("the filter's state is not shared between threads: build it without `atomics`");

struct State(UnsafeCell<Option<Filter<Envoy>>>);

// SAFETY: a module without the `atomics` feature (checked above) has one thread, so there is nothing to synchronise.
unsafe impl Sync for State {}

static STATE: State = State(UnsafeCell::new(None));

fn with_filter<R>(call: impl FnOnce(&mut Filter<Envoy>) -> R) -> R {
    // SAFETY: this is the only place that reaches into `STATE`. Each export but the allocator calls it once, and no `call`
    // calls an export. While one runs, the host may enter again, but only to allocate, as it puts off every callback until
    // the module has returned; and the allocator does not come here. So no second reference exists while this one lives, and
    // `R` cannot borrow from it.
    let state = unsafe { &mut *STATE.0.get() };
    call(state.get_or_insert_with(|| Filter::new(Envoy)))
}

/// Says which version of the ABI the module speaks, by its name.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// There are no constructors to run.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {}

/// Memory for what the host is about to return.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(len: usize) -> *mut u8 {
    match Layout::array::<u8>(len) {
        // SAFETY: the layout has a size above zero.
        Ok(layout) if len > 0 => unsafe { alloc(layout) },
        _ => ptr::null_mut(),
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    with_filter(|filter| filter.on_context_create(context, parent));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, _len: usize) -> u32 {
    with_filter(|filter| u32::from(filter.on_configure(context)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    with_filter(|filter| filter.on_tick(context));
}

/// Returns zero: go on with the request.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _headers: usize, _is_end: u32) -> u32 {
    with_filter(|filter| filter.on_request_headers(context));
    0
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    context: u32,
    token: u32,
    _headers: usize,
    len: usize,
    _trailers: usize,
) {
    with_filter(|filter| filter.on_answer(context, token, len));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    with_filter(|filter| filter.on_delete(context));
}
