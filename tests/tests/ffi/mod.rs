//! The C interface: its header, its library, and C programs that use and misuse it.
#![allow(
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed"
)]

mod c;
mod header;
mod library;
mod plugins;
