//! A filter as one writes it first: two headers and the time are read, and one header is set to a text that is made of them.
//! By the SDK, as is usual.

#![cfg(target_arch = "wasm32")]
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    reason = "what the SDK's macro makes is a symbol of the ABI"
)]

use std::time::UNIX_EPOCH;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Request;

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let tenant = self.get_http_request_header("x-tenant").unwrap_or_default();
        let path = self.get_http_request_header(":path").unwrap_or_default();
        let now = self.get_current_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        let text = format!("{tenant} {path} {}", now.as_millis());
        self.set_http_request_header("x-plain", Some(&text));
        Action::Continue
    }
}
