//! How long work tells how far it has come.

/// How far long work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Units done: rows, records or bytes, as the operation describes.
    pub done: u64,
    /// Units in all, where that is known.
    pub total: Option<u64>,
}

/// Hears of progress and answers whether to go on.
pub(crate) type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> bool;
