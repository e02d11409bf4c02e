//! Yggdrasil, the engine of Unleash: sets of tenants as constraints, compiled to hashed sets. The tenant is the user id,
//! which is found without a look into the properties.

use anyhow::{Result, bail};
use bench::Contender;
use serde_json::{Value, json};
use unleash_yggdrasil::state::EnrichedContext;
use unleash_yggdrasil::{ClientFeatures, EngineState};

use super::Task;

const TOGGLES: [&str; 3] = ["level-1", "level-2", "level-3"];
const VARIANTS: &str = "level";

pub(super) struct Prepared(EngineState);

impl Prepared {
    /// A toggle for each level, and one whose variants are the levels.
    pub(super) fn new(task: &Task) -> Result<Self> {
        let by_level = task.by_level();
        let of_level: Vec<Value> =
            by_level.iter().zip(TOGGLES).map(|(tenants, name)| strategy(tenants, name)).collect();
        let mut features: Vec<Value> = of_level
            .iter()
            .zip(TOGGLES)
            .map(|(strategy, name)| json!({ "name": name, "enabled": true, "strategies": [strategy] }))
            .collect();
        features.push(json!({ "name": VARIANTS, "enabled": true, "strategies": of_level }));
        let features: ClientFeatures = serde_json::from_value(json!({ "version": 2, "features": features }))?;
        let engine = EngineState::default();
        if let Some(warnings) = engine.apply_client_features(features)
            && let Some(first) = warnings.first()
        {
            bail!("Yggdrasil warns: {}", first.message);
        }
        Ok(Self(engine))
    }

    pub(super) fn contenders<'a>(&'a self, contexts: &'a [EnrichedContext<'a>]) -> [Contender<'a>; 2] {
        let toggles = |context: &EnrichedContext<'_>| {
            TOGGLES.iter().position(|toggle| {
                self.0.check_enabled(&context.with_toggle_name(toggle)).is_some_and(|enabled| enabled)
            })
        };
        let variants = |context: &EnrichedContext<'_>| self.0.check_variant(context);
        let code = |name: &str| {
            TOGGLES.iter().zip(1..).find(|(toggle, _)| **toggle == name).map_or(0, |(_, code)| code)
        };
        [
            Contender::new("Yggdrasil, toggles", contexts, toggles, |place| {
                place.map_or(0, |place| place as u64 + 1)
            }),
            Contender::new("Yggdrasil, variants", contexts, variants, move |variant| {
                variant.map_or(0, |variant| code(&variant.name))
            }),
        ]
    }
}

pub(super) fn contexts(task: &Task) -> Vec<EnrichedContext<'_>> {
    let context = |tenant| EnrichedContext {
        user_id: Some(tenant),
        session_id: None,
        environment: None,
        app_name: None,
        current_time: None,
        remote_address: None,
        properties: None,
        external_results: None,
        toggle_name: VARIANTS,
        runtime_hostname: None,
    };
    task.asked.iter().map(|tenant| context(tenant)).collect()
}

fn strategy(tenants: &[&str], variant: &str) -> Value {
    json!({
        "name": "default",
        "constraints": [{ "contextName": "userId", "operator": "IN", "values": tenants }],
        "variants": [{ "name": variant, "weight": 1000, "stickiness": "userId" }],
    })
}
