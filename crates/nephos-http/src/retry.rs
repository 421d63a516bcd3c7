//! When and how often a call is sent again.

use std::time::Duration;

use http::Method;
use nephos_catalog::Retry;

use crate::{Call, CallError, CallErrorKind};

/// Retries of calls that may be sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts that may fail, the first included.
    pub attempts: u32,
    /// Attempts that the service may refuse for there being too many: more, since waiting helps.
    pub throttled_attempts: u32,
    /// Upper bound of the first wait.
    pub first_wait: Duration,
    /// What the bound grows by with each attempt.
    pub multiplier: f64,
    /// Upper bound of every wait that the service did not ask for.
    pub longest_wait: Duration,
    /// The longest wait that a service may ask for; one that asks for more is not asked again.
    pub longest_asked: Duration,
    /// The longest that one call waits between its attempts, all waits together.
    pub longest_in_all: Duration,
    /// Share of a wait that is left to chance, 0 to 1.
    pub jitter: f64,
    /// HTTP methods that may be repeated besides those that are known to be safe; `*` is all.
    pub methods: Vec<String>,
    /// Statuses after which a call is repeated, where they are not ours.
    pub statuses: Option<Vec<u16>>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            throttled_attempts: 10,
            first_wait: Duration::from_millis(100),
            multiplier: 2.0,
            longest_wait: Duration::from_secs(20),
            // Most services count calls by the minute.
            longest_asked: Duration::from_mins(1),
            longest_in_all: Duration::from_mins(3),
            // Full jitter: clients that failed together do not come back together.
            jitter: 1.0,
            methods: Vec::new(),
            statuses: None,
        }
    }
}

impl RetryPolicy {
    /// The policy of a method whose document says something about retries; `base` stands where it
    /// does not. Methods that it lists are repeated in addition to those that are safe anyway.
    pub fn from_document(base: &Self, document: &Retry) -> Self {
        let share = |number: Option<f64>| number.filter(|n| (0.0..=1.0).contains(n));
        let millis = |number: Option<u64>| number.map(Duration::from_millis);
        Self {
            attempts: document.max_attempts.unwrap_or(base.attempts).max(1),
            throttled_attempts: document.max_attempts.unwrap_or(base.throttled_attempts).max(1),
            first_wait: millis(document.initial_delay_ms).unwrap_or(base.first_wait),
            multiplier: document
                .multiplier
                .filter(|n| n.is_finite() && *n >= 1.0)
                .unwrap_or(base.multiplier),
            longest_wait: millis(document.max_delay_ms).unwrap_or(base.longest_wait),
            jitter: share(document.jitter_fraction).unwrap_or(base.jitter),
            methods: document.retryable_methods.clone(),
            statuses: document.status_codes.clone().or_else(|| base.statuses.clone()),
            ..base.clone()
        }
    }

    /// Whether repeating a call that may have been executed does no harm. `sent` is the method on
    /// the wire: documents declare as `get` what is sent as a POST and changes things (AWS's query
    /// protocol), so that of two methods that differ neither proves anything.
    pub(crate) fn repeatable(&self, call: &Call, sent: &Method) -> bool {
        let declared = call.method.http.as_str() == sent.as_str();
        matches!(*sent, Method::GET | Method::HEAD)
            || call.method.reads
            || declared && call.method.idempotent
            || self.methods.iter().any(|m| m == "*" || m.eq_ignore_ascii_case(sent.as_str()))
    }

    fn passing(&self, error: &CallError, repeatable: bool) -> bool {
        match &error.kind {
            // `retryable` on a transport error says that the request never left.
            CallErrorKind::Transport => error.retryable || repeatable,
            // A service that refuses a call for there being too many has not executed it: whatever
            // it would have changed, sending it again changes it once. A 500 or an answer that did
            // not come says nothing of the kind.
            CallErrorKind::Service { .. } if error.throttled => true,
            CallErrorKind::Service { status, .. } => {
                let listed = self.statuses.as_ref().map(|list| list.contains(status));
                repeatable && listed.unwrap_or(error.retryable)
            }
            _ => error.retryable && repeatable,
        }
    }

    fn own_wait(&self, failures: u32) -> Duration {
        let longest = self.longest_wait.as_secs_f64();
        let power = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.first_wait.as_secs_f64() * self.multiplier.powi(power);
        // `min` takes the number where the power has left the numbers.
        let bound = Duration::try_from_secs_f64(grown.min(longest)).unwrap_or(self.longest_wait);
        bound.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * rand::random::<f64>())
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    policy: &'a RetryPolicy,
    failed: u32,
    throttled: u32,
    waited: Duration,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(policy: &'a RetryPolicy) -> Self {
        Self { policy, failed: 0, throttled: 0, waited: Duration::ZERO }
    }

    /// How long to wait before the call is sent again; `None` to give up. `repeatable` says that
    /// it may be sent again though it may have been executed.
    pub(crate) fn after(&mut self, error: &CallError, repeatable: bool) -> Option<Duration> {
        let policy = self.policy;
        let (count, most) = if error.throttled {
            (&mut self.throttled, policy.throttled_attempts)
        } else {
            (&mut self.failed, policy.attempts)
        };
        *count += 1;
        if *count >= most || !policy.passing(error, repeatable) {
            return None;
        }
        let wait = match error.retry_after {
            Some(asked) if asked > policy.longest_asked => return None,
            Some(asked) => asked,
            None => policy.own_wait(self.failed + self.throttled),
        };
        if self.waited + wait > policy.longest_in_all {
            return None;
        }
        self.waited += wait;
        Some(wait)
    }

    /// The last error, with what was tried.
    pub(crate) fn give_up(&self, mut error: CallError) -> CallError {
        let sent = self.failed + self.throttled;
        if sent > 1 {
            error = error.context("attempts", sent.to_string());
        }
        if !self.waited.is_zero() {
            error =
                error.context("waited between them", format!("{:.1} s", self.waited.as_secs_f64()));
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: u16) -> CallError {
        CallError::new(CallErrorKind::Service { status, code: None }, "failed").retryable()
    }

    fn throttled() -> CallError {
        CallError { throttled: true, ..failed(429) }
    }

    /// Waits without chance until the policy gives up.
    fn waits(policy: &RetryPolicy, error: &CallError, repeatable: bool) -> Vec<Duration> {
        let policy = RetryPolicy { jitter: 0.0, ..policy.clone() };
        let mut attempts = Attempts::new(&policy);
        std::iter::from_fn(|| attempts.after(error, repeatable)).collect()
    }

    #[test]
    fn a_call_that_is_not_safe_is_repeated_only_if_it_was_not_executed() {
        let policy = RetryPolicy::default();
        let again = |error: &CallError, repeatable| !waits(&policy, error, repeatable).is_empty();
        for status in [500, 502, 503, 504] {
            assert!(!again(&failed(status), false), "{status}");
            assert!(again(&failed(status), true), "{status}");
        }
        let cut = CallError::new(CallErrorKind::Transport, "cut");
        assert!(!again(&cut, false));
        assert!(again(&cut, true));
        assert!(again(&cut.clone().retryable(), false));
        assert!(again(&throttled(), false));
        let refused = CallError { retryable: false, ..failed(400) };
        assert!(!again(&refused, true));
    }

    #[test]
    fn waits_grow_to_a_bound_and_attempts_end() {
        let millis = |list: &[Duration]| list.iter().map(Duration::as_millis).collect::<Vec<_>>();
        let policy = RetryPolicy { longest_wait: Duration::from_millis(700), ..Default::default() };
        assert_eq!(millis(&waits(&policy, &failed(500), true)), [100, 200, 400, 700]);
        assert_eq!(waits(&policy, &throttled(), true).len(), 9);
        let policy = RetryPolicy { longest_in_all: Duration::from_millis(350), ..policy };
        assert_eq!(millis(&waits(&policy, &failed(500), true)), [100, 200]);
        let chance = RetryPolicy::default();
        for _ in 0..100 {
            assert!(chance.own_wait(3) <= Duration::from_millis(400));
        }
        assert_eq!(chance.own_wait(0).max(chance.first_wait), chance.first_wait);
        assert!(chance.own_wait(u32::MAX) <= chance.longest_wait);
    }

    #[test]
    fn the_service_sets_the_wait_where_it_is_not_too_long() {
        let asked =
            |seconds| CallError { retry_after: Some(Duration::from_secs(seconds)), ..throttled() };
        let policy = RetryPolicy::default();
        assert_eq!(waits(&policy, &asked(0), false), [Duration::ZERO; 9]);
        assert_eq!(waits(&policy, &asked(60), false), [Duration::from_mins(1); 3]);
        assert!(waits(&policy, &asked(61), false).is_empty());
    }

    #[test]
    fn a_document_may_set_the_policy() {
        let document = Retry {
            max_attempts: Some(3),
            initial_delay_ms: Some(500),
            max_delay_ms: Some(600),
            multiplier: Some(3.0),
            jitter_fraction: Some(0.0),
            retryable_methods: vec!["put".to_owned()],
            status_codes: Some(vec![409]),
        };
        let policy = RetryPolicy::from_document(&RetryPolicy::default(), &document);
        let conflict = CallError { retryable: false, ..failed(409) };
        let expected = [Duration::from_millis(500), Duration::from_millis(600)];
        assert_eq!(waits(&policy, &conflict, true), expected);
        assert!(waits(&policy, &conflict, false).is_empty());
        assert!(waits(&policy, &failed(500), true).is_empty());
        assert_eq!(waits(&policy, &throttled(), false), expected);
        let nonsense = Retry {
            max_attempts: Some(0),
            multiplier: Some(f64::NAN),
            jitter_fraction: Some(7.0),
            ..Retry::default()
        };
        let policy = RetryPolicy::from_document(&RetryPolicy::default(), &nonsense);
        assert_eq!((policy.attempts, policy.multiplier, policy.jitter), (1, 2.0, 1.0));
    }
}
