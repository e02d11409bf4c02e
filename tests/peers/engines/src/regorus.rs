//! Regorus: a rule that looks into the data, interpreted, and compiled for its virtual machine.

use anyhow::{Context, Result};
use bench::Contender;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{Engine, Value};
use serde_json::{Map, json};

use super::Task;

const POLICY: &str = "package diagnostics\nlevel := data.levels[input.tenant]\n";
const RULE: &str = "data.diagnostics.level";

pub(super) struct Prepared {
    engine: Engine,
    data: Value,
    inputs: Vec<Value>,
}

impl Prepared {
    pub(super) fn new(task: &Task) -> Result<Self> {
        let levels: Map<String, serde_json::Value> =
            task.rules.iter().map(|(tenant, level)| (tenant.clone(), json!(level))).collect();
        let data = Value::from(json!({ "levels": levels }));
        let mut engine = Engine::new();
        engine.add_policy("diagnostics.rego".to_owned(), POLICY.to_owned())?;
        engine.add_data(data.clone())?;
        let inputs = task.asked.iter().map(|tenant| Value::from(json!({ "tenant": tenant }))).collect();
        Ok(Self { engine, data, inputs })
    }

    pub(super) fn contenders(&self) -> Result<[Contender<'_>; 2]> {
        let mut interpreter = self.engine.clone();
        let interpret = move |input: &Value| {
            interpreter.set_input(input.clone());
            interpreter.eval_rule(RULE.to_owned())
        };
        let compiled = self.engine.clone().compile_with_entrypoint(&RULE.into())?;
        let mut machine = RegoVM::new();
        machine.load_program(Compiler::compile_from_policy(&compiled, &[RULE])?);
        machine.set_data(self.data.clone()).ok().context("the data is in conflict with the rule")?;
        let execute = move |input: &Value| {
            machine.set_input(input.clone());
            machine.execute()
        };
        Ok([
            Contender::new("regorus, interpreter", &self.inputs, interpret, code),
            Contender::new("regorus, virtual machine", &self.inputs, execute, code),
        ])
    }
}

fn code<E>(level: Result<Value, E>) -> u64 {
    level.ok().and_then(|level| level.as_u64().ok()).unwrap_or_default()
}
