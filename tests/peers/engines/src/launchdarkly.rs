//! LaunchDarkly: tenants as the targets of variations; it has no form that does not compare them one by one.

use anyhow::Result;
use bench::Contender;
use launchdarkly_server_sdk_evaluation::{Context, ContextBuilder, Flag, Segment, Store, evaluate};
use serde_json::json;

use super::Task;

pub(super) struct Prepared {
    flag: Flag,
    contexts: Vec<Context>,
}

impl Prepared {
    pub(super) fn new(task: &Task) -> Result<Self> {
        let targets =
            |(variation, tenants): (usize, Vec<&str>)| json!({ "variation": variation, "values": tenants });
        let targets: Vec<_> = (1..).zip(task.by_level()).map(targets).collect();
        let flag = serde_json::from_value(json!({
            "key": "level", "version": 1, "on": true, "targets": targets, "rules": [], "prerequisites": [],
            "fallthrough": { "variation": 0 }, "offVariation": 0, "variations": [0, 1, 2, 3],
            "clientSide": false, "salt": "",
        }))?;
        let context =
            |tenant: &String| ContextBuilder::new(tenant.as_str()).build().map_err(anyhow::Error::msg);
        Ok(Self { flag, contexts: task.asked.iter().map(context).collect::<Result<_>>()? })
    }

    pub(super) fn contender(&self) -> Contender<'_> {
        let ask = |context: &Context| evaluate(&Nothing, &self.flag, context, None).variation_index;
        Contender::new("LaunchDarkly, targets", &self.contexts, ask, |level| {
            level.and_then(|level| level.try_into().ok()).unwrap_or_default()
        })
    }
}

/// The flag refers to no other and to no segment.
struct Nothing;

impl Store for Nothing {
    fn flag(&self, _key: &str) -> Option<Flag> {
        None
    }

    fn segment(&self, _key: &str) -> Option<Segment> {
        None
    }
}
