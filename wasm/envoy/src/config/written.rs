//! The configuration as it is written. Field by field it is described in `README.md`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::pairs::{Object, Pairs};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written<'a> {
    #[serde(borrow)]
    pub(super) document: Option<&'a RawValue>,
    pub(super) relay_cluster: Option<String>,
    pub(super) relay_authority: Option<String>,
    pub(super) relay_path_prefix: Option<String>,
    pub(super) poll_wait_secs: Option<u32>,
    pub(super) poll_interval_ms: Option<u32>,
    pub(super) poll_timeout_ms: Option<u32>,
    pub(super) refresh_ms: Option<u32>,
    pub(super) tenant: Option<Object<WrittenAttribute>>,
    pub(super) index: Option<Object<WrittenAttribute>>,
    pub(super) principal: Option<Object<WrittenAttribute>>,
    pub(super) endpoint: Option<Object<WrittenAttribute>>,
    pub(super) request_id: Option<Object<WrittenAttribute>>,
    pub(super) trace_id: Option<Object<WrittenAttribute>>,
    pub(super) labels: Option<Pairs<Object<WrittenAttribute>>>,
    pub(super) headers: Option<Object<WrittenHeaders>>,
    pub(super) when_off: Option<bool>,
    pub(super) filter_state: Option<String>,
    pub(super) sampled: Option<Object<WrittenSampled>>,
    pub(super) stats_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAttribute {
    pub(super) header: Option<String>,
    pub(super) path_segment: Option<i32>,
    pub(super) authority: Option<bool>,
    pub(super) peer_principal: Option<bool>,
    pub(super) traceparent: Option<bool>,
    pub(super) property: Option<Vec<String>>,
    pub(super) constant: Option<String>,
    pub(super) translate: Option<Pairs<String>>,
    pub(super) default: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenHeaders {
    pub(super) level: Option<String>,
    pub(super) decided_by: Option<String>,
    pub(super) flags: Option<String>,
    pub(super) revision: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSampled {
    pub(super) from: String,
    pub(super) traceparent: Option<bool>,
    pub(super) header: Option<String>,
    pub(super) value: Option<String>,
}
