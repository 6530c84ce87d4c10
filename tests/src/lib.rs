//! Integration tests live in `tests/main.rs`. This library only carries the README, so that its
//! Rust example is compiled and run as a documentation test.

#![doc = include_str!("../../README.md")]
