//! What an engine must be able to do to run the vectors.

use aldis_core::UnixMillis;

use super::case::{Refusal, Request, Verdict};

/// For every directive in document order: its id, and `applies` or the reason why not.
pub type Explained = Vec<(String, String)>;

/// Anything that loads documents and decides.
pub trait Engine {
    /// What it is called in differences.
    fn name(&self) -> &str;

    /// Loads a document, in place of the one before.
    ///
    /// # Errors
    ///
    /// If the engine refuses it, and then in its own words.
    fn load(&mut self, document: &[u8], anchor: UnixMillis) -> Result<(), Refusal>;

    /// Decides on a request with what was loaded.
    fn decide(&mut self, request: &Request, now: UnixMillis) -> Verdict;

    /// Says why; `None` if the engine cannot.
    fn explain(&mut self, _request: &Request, _now: UnixMillis) -> Option<Explained> {
        None
    }
}
