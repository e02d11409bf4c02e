//! datalogic: JSONLogic, compiled once. This is the evaluator beneath flagd's, as quick as it could be there.

use anyhow::Result;
use bench::Contender;
use datalogic_rs::{Engine, Logic, ParsedData};
use serde_json::{Value, json};

use super::Task;

pub(super) struct Prepared {
    engine: Engine,
    lists: Logic,
    switch: Logic,
    data: Vec<ParsedData>,
}

impl Prepared {
    pub(super) fn new(task: &Task) -> Result<Self> {
        let engine = Engine::new();
        let lists = lists(task, |level| json!(level)).to_string();
        let cases: Vec<_> = task.rules.iter().map(|(tenant, level)| json!([tenant, level])).collect();
        let switch = json!({ "switch": [{ "var": "tenant" }, cases, 0] }).to_string();
        let failed = |error: datalogic_rs::Error| anyhow::anyhow!("{error:?}");
        let data = |tenant: &String| ParsedData::from_json(&json!({ "tenant": tenant }).to_string());
        Ok(Self {
            lists: engine.compile(lists.as_str()).map_err(failed)?,
            switch: engine.compile(switch.as_str()).map_err(failed)?,
            data: task.asked.iter().map(data).collect::<Result<_, _>>().map_err(failed)?,
            engine,
        })
    }

    pub(super) fn contenders(&self) -> [Contender<'_>; 2] {
        let contender = |name, logic| {
            let mut session = self.engine.session();
            let ask = move |data: &ParsedData| {
                session.reset();
                session.eval_borrowed(logic, data).ok().and_then(|level| level.as_i64())
            };
            Contender::new(name, &self.data, ask, |level: Option<i64>| {
                level.and_then(|level| level.try_into().ok()).unwrap_or_default()
            })
        };
        [contender("datalogic, lists", &self.lists), contender("datalogic, switch", &self.switch)]
    }
}

/// If the tenant is in the first list, the first level, and so on.
pub(super) fn lists(task: &Task, level: impl Fn(usize) -> Value) -> Value {
    let mut branches = Vec::new();
    for (code, tenants) in (1..).zip(task.by_level()) {
        branches.push(json!({ "in": [{ "var": "tenant" }, tenants] }));
        branches.push(level(code));
    }
    branches.push(level(0));
    json!({ "if": branches })
}
