//! Waiting: ask often, give up at a deadline.

use std::time::{Duration, Instant};

/// Asks until there is an answer; `None` when the time is over.
pub(super) fn until<T>(limit: Duration, interval: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(interval);
    }
}
