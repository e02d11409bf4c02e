//! The files of `examples/envoy`, wherever cargo builds.

use std::path::Path;

/// A file of the example with the module, and the folder that the example writes to, where they lie here. The files name both
/// as somebody finds them who builds at the root and has set nothing.
pub(crate) fn placed(text: &str, module: &Path, scratch: &Path) -> String {
    let text = text.replace("target/wasm32v1-none/guest/aldis_envoy.wasm", &module.display().to_string());
    text.replace("target/example-envoy", &scratch.display().to_string())
}
