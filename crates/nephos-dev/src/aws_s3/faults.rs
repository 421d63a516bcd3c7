//! Faults found so far; generation goes on after one, so that a run names them all.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// A sorted set of messages.
#[derive(Default)]
pub(super) struct Faults(RefCell<BTreeSet<String>>);

impl Faults {
    /// Adds a message; the same one twice counts once.
    pub(super) fn add(&self, message: String) {
        self.0.borrow_mut().insert(message);
    }

    /// `Err` with all messages where there are any.
    pub(super) fn into_result(self) -> Result<(), Vec<String>> {
        let all = self.0.into_inner();
        if all.is_empty() { Ok(()) } else { Err(all.into_iter().collect()) }
    }
}
