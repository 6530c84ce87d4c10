//! Tells the linker that the plugin is never unmapped: code of Rust's standard library may run
//! when a thread ends, long after the host has closed the plugin.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
