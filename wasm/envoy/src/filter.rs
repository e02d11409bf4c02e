//! All that happens in one VM: its plugin instances, and the requests that belong to them.

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::host::Host;
use crate::root::Root;

/// The filter in one VM, on a host.
#[derive(Debug)]
pub struct Filter<H> {
    host: H,
    /// Instances by their context. They are few: usually one, two while one configuration replaces another.
    roots: Vec<(u32, Option<Root>)>,
    /// Which instance a request belongs to.
    requests: HashMap<u32, u32>,
}

impl<H: Host> Filter<H> {
    /// A filter without any instance yet.
    #[must_use]
    pub fn new(host: H) -> Self {
        Self { host, roots: Vec::new(), requests: HashMap::new() }
    }

    /// The host makes a context: for an instance, if it has no parent, else for a request.
    pub fn on_context_create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            self.roots.retain(|(known, _)| *known != context);
            self.roots.push((context, None));
        } else {
            self.requests.insert(context, parent);
        }
    }

    /// The host configures an instance. Says whether it takes the configuration; if not, what it had stays.
    #[must_use]
    pub fn on_configure(&mut self, context: u32) -> bool {
        let Ok(configured) = Root::configure(&self.host) else { return false };
        self.roots.iter().filter_map(|(_, root)| root.as_ref()).for_each(|root| configured.succeed(root));
        match self.roots.iter_mut().find(|(known, _)| *known == context) {
            Some((_, root)) => *root = Some(configured),
            None => self.roots.push((context, Some(configured))),
        }
        true
    }

    /// The time that an instance asked to be woken at.
    pub fn on_tick(&mut self, context: u32) {
        if let Some(root) = root(&mut self.roots, context) {
            root.on_tick(&self.host);
        }
    }

    /// The headers of a request have come. The request goes on in any case.
    pub fn on_request_headers(&mut self, context: u32) {
        let owner = self.requests.get(&context).copied();
        if let Some(root) = owner.and_then(|owner| root(&mut self.roots, owner)) {
            root.on_request_headers(&self.host);
        }
    }

    /// An answer to an instance's call, with a body of `len` bytes.
    pub fn on_answer(&mut self, context: u32, token: u32, len: usize) {
        if let Some(root) = root(&mut self.roots, context) {
            root.on_answer(&self.host, token, len);
        }
    }

    /// A request or an instance is over.
    pub fn on_delete(&mut self, context: u32) {
        if self.requests.remove(&context).is_some() {
            return;
        }
        if let Some(root) = root(&mut self.roots, context) {
            root.on_delete(&self.host);
        }
        self.roots.retain(|(known, _)| *known != context);
    }
}

fn root(roots: &mut [(u32, Option<Root>)], context: u32) -> Option<&mut Root> {
    roots.iter_mut().find(|(known, _)| *known == context).and_then(|(_, root)| root.as_mut())
}

#[cfg(test)]
mod tests;
