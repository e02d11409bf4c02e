//! flagd's engine as its Rust provider runs it: it reads and compiles the targeting of a flag each time it is asked.

use bench::Contender;
use flagd_evaluation_engine::Operator;
use open_feature::EvaluationContext;
use serde_json::json;

use super::{Task, datalogic};

pub(super) struct Prepared {
    operator: Operator,
    targeting: String,
    contexts: Vec<EvaluationContext>,
}

impl Prepared {
    pub(super) fn new(task: &Task) -> Self {
        let context =
            |tenant: &String| EvaluationContext::default().with_custom_field("tenant", tenant.clone());
        Self {
            operator: Operator::new(),
            targeting: datalogic::lists(task, |level| json!(level.to_string())).to_string(),
            contexts: task.asked.iter().map(context).collect(),
        }
    }

    pub(super) fn contender(&self) -> Contender<'_> {
        let ask = |context: &EvaluationContext| self.operator.apply("level", &self.targeting, context);
        Contender::new("flagd, lists", &self.contexts, ask, |variant| {
            variant.ok().flatten().and_then(|level| level.parse().ok()).unwrap_or_default()
        })
    }
}
