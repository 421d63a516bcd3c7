//! When and how often a call is sent again.

use std::time::Duration;

use crate::{CallError, CallErrorKind};

/// Retries of calls that may be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Upper bound of the first wait; it doubles with each attempt.
    pub first_wait: Duration,
    /// Upper bound of every wait; a service that asks for more is not asked again.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(20),
        }
    }
}

impl RetryPolicy {
    /// How long to wait before attempt `next` (2 for the first retry); `None` to give up.
    /// `idempotent` calls are repeated after any passing failure, others only when they never
    /// reached the service.
    pub(crate) fn wait(&self, error: &CallError, idempotent: bool, next: u32) -> Option<Duration> {
        if next > self.attempts {
            return None;
        }
        let passing = match &error.kind {
            // `retryable` on a transport error says that the request never left.
            CallErrorKind::Transport => error.retryable || idempotent,
            _ => error.retryable && idempotent,
        };
        if !passing {
            return None;
        }
        if let Some(seconds) = error.retry_after {
            let wait = Duration::from_secs(seconds);
            return (wait <= self.longest_wait).then_some(wait);
        }
        let bound = self.first_wait.saturating_mul(1 << (next - 2).min(16)).min(self.longest_wait);
        // Full jitter: clients that failed together do not come back together.
        Some(bound.mul_f64(rand::random::<f64>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> CallError {
        let kind = CallErrorKind::Service { status: 503, code: Some("SlowDown".to_owned()) };
        CallError::new(kind, "slow down").retryable()
    }

    #[test]
    fn a_call_that_is_not_idempotent_is_repeated_only_if_it_never_left() {
        let policy = RetryPolicy::default();
        assert!(policy.wait(&refused(), false, 2).is_none());
        assert!(policy.wait(&refused(), true, 2).is_some());
        let cut = CallError::new(CallErrorKind::Transport, "cut");
        assert!(policy.wait(&cut, false, 2).is_none());
        assert!(policy.wait(&cut.clone(), true, 2).is_some());
        assert!(policy.wait(&cut.retryable(), false, 2).is_some());
    }

    #[test]
    fn attempts_end_and_the_service_may_set_the_wait() {
        let policy = RetryPolicy::default();
        assert!(policy.wait(&refused(), true, 6).is_none());
        let mut error = refused();
        error.retry_after = Some(7);
        assert_eq!(policy.wait(&error, true, 3), Some(Duration::from_secs(7)));
    }
}
