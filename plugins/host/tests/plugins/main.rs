//! Plugins are built, loaded, refused and put to work.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod loading;
mod support;
mod validating;
