//! Gives the shared library on Linux what Cargo leaves out: a name for the loader, and a note
//! that it stays mapped. Rust's thread-local destructors do not survive `dlclose`.

const NAME: &str = "libcrm.so";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CRM_SONAME");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // Packages that install several levels beside each other set `libcrm.so.<level>`.
        let name = std::env::var("CRM_SONAME").unwrap_or_else(|_| NAME.to_owned());
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{name}");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
