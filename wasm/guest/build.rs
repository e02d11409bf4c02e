//! Sizes the stack of the module.

/// The deepest path, a document with every level of nesting that is allowed, takes under 10 KiB. The linker's default
/// is 1 MiB, which would be more than most sets.
const STACK_BYTES: u32 = 128 << 10;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
        // wasm-opt asks for them, also where a profile strips the names of functions.
        println!("cargo::rustc-link-arg-cdylib=--keep-section=target_features");
    }
}
