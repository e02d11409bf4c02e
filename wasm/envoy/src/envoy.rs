//! Envoy as a host: the imports of the ABI behind safe calls. All `unsafe` of the imports is here.
//!
//! What the host returns by pointer it has written into memory that it had the module allocate
//! (`proxy_on_memory_allocate` in `exports.rs`), and it leaves that memory to the module.

use alloc::vec::Vec;
use core::ptr;

use aldis_core::UnixMillis;

use crate::host::{Host, Level, Metric};

/// The status of a call that did what it was asked.
const OK: u32 = 0;
/// Kinds of header maps.
const REQUEST_HEADERS: u32 = 0;
const CALL_RESPONSE_HEADERS: u32 = 6;
/// Kinds of buffers.
const CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, len: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(millis: u32) -> u32;
    fn proxy_get_buffer_bytes(
        kind: u32,
        start: usize,
        len: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_add_header_map_value(
        kind: u32,
        name: *const u8,
        name_len: usize,
        value: *const u8,
        value_len: usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        kind: u32,
        name: *const u8,
        name_len: usize,
        value: *const u8,
        value_len: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(kind: u32, name: *const u8, len: usize) -> u32;
    fn proxy_get_property(path: *const u8, len: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_len: usize, value: *const u8, value_len: usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        len: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_len: usize,
        value: *const u8,
        value_len: usize,
        version: u32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_len: usize,
        headers: *const u8,
        headers_len: usize,
        body: *const u8,
        body_len: usize,
        trailers: *const u8,
        trailers_len: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, len: usize, handle: *mut u32) -> u32;
    fn proxy_increment_metric(handle: u32, number: i64) -> u32;
    fn proxy_record_metric(handle: u32, number: u64) -> u32;
}

/// The Envoy that runs this module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envoy;

/// Bytes that a call returns: `call` is given the places for their address and length, and returns its status.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    if call(&raw mut data, &raw mut size) != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: by the ABI a call that returns `OK` has set `data` to memory of just `size` bytes that
    // `proxy_on_memory_allocate` gave out, has filled it, and leaves it to the module. That function allocates by the
    // global allocator with the layout that a `Vec<u8>` of this capacity has.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

impl Host for Envoy {
    fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        // SAFETY: the host reads the text, which lives until it returns. So in every call below.
        unsafe { proxy_log(level, line.as_ptr(), line.len()) };
    }

    fn now(&self) -> Option<UnixMillis> {
        let mut nanos = 0;
        // SAFETY: the host writes eight bytes to where `nanos` lies.
        let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut nanos) };
        (status == OK && nanos != 0).then(|| UnixMillis::new(nanos / 1_000_000))
    }

    fn tick_every(&self, millis: u32) {
        // SAFETY: there is no pointer.
        unsafe { proxy_set_tick_period_milliseconds(millis) };
    }

    fn configuration(&self) -> Vec<u8> {
        // SAFETY: `returned` gives places for an address and a length.
        let call =
            |data, size| unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX, data, size) };
        returned(call).unwrap_or_default()
    }

    fn request_headers(&self) -> Vec<u8> {
        // SAFETY: as above.
        returned(|data, size| unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, data, size) })
            .unwrap_or_default()
    }

    fn set_header(&self, name: &str, value: &[u8]) {
        let (text, len) = (value.as_ptr(), value.len());
        // SAFETY: the host reads both texts.
        unsafe { proxy_replace_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len(), text, len) };
    }

    fn add_header(&self, name: &str, value: &[u8]) {
        let (text, len) = (value.as_ptr(), value.len());
        // SAFETY: the host reads both texts.
        unsafe { proxy_add_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len(), text, len) };
    }

    fn remove_header(&self, name: &str) {
        // SAFETY: the host reads the name.
        unsafe { proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len()) };
    }

    fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        // SAFETY: the host reads the path; the places are those of `returned`.
        returned(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
    }

    fn set_property(&self, name: &str, value: &[u8]) {
        // SAFETY: the host reads both texts.
        unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    }

    fn shared(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        let mut version = 0;
        let place = &raw mut version;
        // SAFETY: the host reads the key, and writes four bytes to where `version` lies.
        let value = returned(|data, size| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), data, size, place)
        })?;
        Some((value, version))
    }

    fn set_shared(&self, key: &str, value: &[u8], version: u32) -> bool {
        let (text, len) = (value.as_ptr(), value.len());
        // SAFETY: the host reads key and value.
        unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), text, len, version) == OK }
    }

    fn call(&self, cluster: &str, headers: &[(&str, &str)], timeout_ms: u32) -> Option<u32> {
        let headers = crate::block::write(headers);
        // No trailers: a block of none.
        let (none, mut token) = ([0; 4], 0);
        // SAFETY: the host reads the cluster's name and both blocks; the body is empty, so that nothing is read from where it
        // would lie; and it writes four bytes to where `token` lies.
        let status = unsafe {
            proxy_http_call(
                cluster.as_ptr(),
                cluster.len(),
                headers.as_ptr(),
                headers.len(),
                ptr::null(),
                0,
                none.as_ptr(),
                none.len(),
                timeout_ms,
                &raw mut token,
            )
        };
        (status == OK).then_some(token)
    }

    fn answer_headers(&self) -> Vec<u8> {
        // SAFETY: as above.
        returned(|data, size| unsafe { proxy_get_header_map_pairs(CALL_RESPONSE_HEADERS, data, size) })
            .unwrap_or_default()
    }

    fn answer_body(&self, len: usize) -> Vec<u8> {
        // SAFETY: as above.
        returned(|data, size| unsafe { proxy_get_buffer_bytes(CALL_RESPONSE_BODY, 0, len, data, size) })
            .unwrap_or_default()
    }

    fn metric(&self, metric: Metric, name: &str) -> Option<u32> {
        let kind = match metric {
            Metric::Counter => 0,
            Metric::Gauge => 1,
        };
        let mut handle = 0;
        // SAFETY: the host reads the name, and writes four bytes to where `handle` lies.
        let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut handle) };
        (status == OK).then_some(handle)
    }

    fn add(&self, counter: u32, number: u64) {
        // SAFETY: there is no pointer.
        unsafe { proxy_increment_metric(counter, i64::try_from(number).unwrap_or(i64::MAX)) };
    }

    fn set(&self, gauge: u32, number: u64) {
        // SAFETY: there is no pointer.
        unsafe { proxy_record_metric(gauge, number) };
    }
}
