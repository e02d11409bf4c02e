//! Cedar: tenants are entities in the group of their level, and a policy for each group permits.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use anyhow::Result;
use bench::Contender;
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request,
};

use super::Task;

pub(super) struct Prepared {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
}

impl Prepared {
    pub(super) fn new(task: &Task) -> Result<Self> {
        let mut policies = PolicySet::new();
        for level in 1..=3 {
            let text = format!(r#"permit(principal in Level::"{level}", action, resource);"#);
            policies.add(Policy::parse(Some(PolicyId::new(level.to_string())), text)?)?;
        }
        let mut entities = Vec::new();
        for (tenant, level) in &task.rules {
            let parents = HashSet::from([uid("Level", &level.to_string())?]);
            entities.push(Entity::new(uid("Tenant", tenant)?, HashMap::new(), parents)?);
        }
        let request = |tenant: &String| {
            let (principal, action) = (uid("Tenant", tenant)?, uid("Action", "record")?);
            Ok(Request::new(principal, action, uid("Request", "any")?, Context::empty(), None)?)
        };
        Ok(Self {
            authorizer: Authorizer::new(),
            policies,
            entities: Entities::from_entities(entities, None)?,
            requests: task.asked.iter().map(request).collect::<Result<_>>()?,
        })
    }

    pub(super) fn contender(&self) -> Contender<'_> {
        let ask = |request: &Request| self.authorizer.is_authorized(request, &self.policies, &self.entities);
        Contender::new("Cedar, groups", &self.requests, ask, |response| {
            let reason = response.diagnostics().reason().next();
            reason.and_then(|policy| policy.to_string().parse().ok()).unwrap_or_default()
        })
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind)?, EntityId::new(id)))
}
