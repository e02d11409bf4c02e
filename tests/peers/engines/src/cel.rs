//! CEL: a compiled look into a map.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use bench::Contender;
use cel::objects::{Key, Map};
use cel::{Context, Program, Value};

use super::Task;

pub(super) struct Prepared {
    program: Program,
    root: Context<'static, 'static>,
}

impl Prepared {
    pub(super) fn new(task: &Task) -> Result<Self> {
        let program = Program::compile("levels[tenant]").map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let levels: HashMap<Key, Value> = task
            .rules
            .iter()
            .map(|(tenant, level)| (Key::from(tenant.as_str()), Value::UInt(*level as u64)))
            .collect();
        let mut root = Context::default();
        root.add_variable_from_value("levels", Value::Map(Map { map: Arc::new(levels) }));
        Ok(Self { program, root })
    }

    /// A scope for each request, below the one that holds the map.
    pub(super) fn scopes(&self, task: &Task) -> Vec<Context<'_, 'static>> {
        let scope = |tenant: &String| {
            let mut scope = self.root.new_inner_scope();
            scope.add_variable_from_value("tenant", tenant.as_str());
            scope
        };
        task.asked.iter().map(scope).collect()
    }

    pub(super) fn contender<'a>(&'a self, scopes: &'a [Context<'a, 'static>]) -> Contender<'a> {
        Contender::new(
            "CEL, map",
            scopes,
            |scope| self.program.execute(scope),
            |level| match level {
                Ok(Value::UInt(level)) => level,
                _ => 0,
            },
        )
    }
}
