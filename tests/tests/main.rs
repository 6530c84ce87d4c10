//! All integration tests, as one binary.
#![allow(
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed"
)]

mod audit;
mod bad_input;
mod built;
mod ffi;
mod fields;
mod house;
mod main_job;
mod maven;
mod maven_reports;
mod reports;
mod rights;
mod scenario;
mod script_functions;
mod sessions;
