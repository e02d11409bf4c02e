//! The documents that stores are to show while they go through something.

use std::time::Duration;

/// The id of the directive that ends by itself, [`SHORT_LIFE`] after it was first seen. All others outlast every test.
pub const SHORT: &str = "short";

/// How long it is in force.
pub const SHORT_LIFE: Duration = Duration::from_secs(3);

const LONG_LIFE: Duration = Duration::from_secs(600);

/// A document of one directive with this id, for the tenant of the same name. Without blanks, so that it fits into a
/// transaction of etcdctl.
pub fn document(id: &str) -> String {
    let life = if id == SHORT { SHORT_LIFE } else { LONG_LIFE }.as_secs();
    format!(r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":{life},"tenant":"{id}"}}]}}"#)
}
