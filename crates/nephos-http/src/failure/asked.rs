//! How long an answer asks to wait.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// Numbers from here on are seconds since 1970 rather than from now: 2001 has passed, and nobody
/// asks to wait for thirty years.
const EPOCH_SECONDS: f64 = 1e9;
/// Numbers from here on are milliseconds since 1970.
const EPOCH_MILLIS: f64 = 1e12;
/// Longer than anybody waits; what a service asks beyond it is cut.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// A wait that a service asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) wait: Duration,
    /// A quota is used up until then, as opposed to a request to come later.
    pub(crate) resets: bool,
}

impl Asked {
    /// Reads `Retry-After` and its relatives, else a quota of which nothing is left. `now` is used
    /// where the answer has no `Date`: the service's clock is the one its times are of.
    pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let number = |name: &str| text(name)?.parse::<f64>().ok().filter(|n| *n >= 0.0);
        let now = text("date").and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
        let later = |wait| Some(Self { wait, resets: false });
        for name in ["x-ms-retry-after-ms", "retry-after-ms"] {
            if let Some(millis) = number(name) {
                return later(seconds(millis / 1000.0));
            }
        }
        if let Some(wait) = number("retry-after") {
            return later(from_now(wait, now));
        }
        let date = text("retry-after").and_then(|date| httpdate::parse_http_date(date).ok());
        if let Some(date) = date {
            return later(date.duration_since(now).unwrap_or_default());
        }
        // Families of names that all mean: so many left, of so many, until then.
        for family in ["x-ratelimit-", "x-rate-limit-", "ratelimit-"] {
            let of = |part: &str| number(&format!("{family}{part}"));
            // A quota of nothing is how some say that there is none.
            let spent = of("remaining") == Some(0.0) && of("limit") != Some(0.0);
            if let Some(reset) = of("reset").filter(|_| spent) {
                return Some(Self { wait: from_now(reset, now), resets: true });
            }
        }
        let wait = text("ratelimit").and_then(spent_until)?;
        Some(Self { wait: from_now(wait, now), resets: true })
    }
}

/// When `RateLimit` of the IETF's drafts says that nothing is left, seconds until there is:
/// `limit=100, remaining=0, reset=5`, in later drafts `"name";r=0;t=5`.
fn spent_until(header: &str) -> Option<f64> {
    let mut left = None;
    let mut reset = None;
    for part in header.split([',', ';']) {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Ok(value) = value.trim().parse::<f64>() else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "remaining" | "r" => left = Some(value),
            "reset" | "t" => reset = Some(value),
            _ => continue,
        }
        if let (Some(0.0), Some(reset)) = (left, reset) {
            return (reset >= 0.0).then_some(reset);
        }
        if left.is_some() && reset.is_some() {
            (left, reset) = (None, None);
        }
    }
    None
}

/// A number of seconds from now, or a moment.
fn from_now(number: f64, now: SystemTime) -> Duration {
    let since = |moment: f64| {
        let moment =
            SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(moment).unwrap_or(FOREVER);
        moment.duration_since(now).unwrap_or_default().min(FOREVER)
    };
    if number >= EPOCH_MILLIS {
        since((number / 1000.0).min(1e11))
    } else if number >= EPOCH_SECONDS {
        since(number.min(1e11))
    } else {
        seconds(number)
    }
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(FOREVER).min(FOREVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-06-01T12:00:00Z.
    const NOW: u64 = 1_748_779_200;

    fn asked(headers: &[(&'static str, &str)]) -> Option<(u128, bool)> {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        Asked::read(&headers, now).map(|asked| (asked.wait.as_millis(), asked.resets))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(asked(&[("retry-after", "7")]), Some((7000, false)));
        assert_eq!(asked(&[("retry-after", "0")]), Some((0, false)));
        assert_eq!(asked(&[("retry-after", "1.5")]), Some((1500, false)));
        let date = ("retry-after", "Sun, 01 Jun 2025 12:00:30 GMT");
        assert_eq!(asked(&[date]), Some((30_000, false)));
        // By the clock of the service: this machine's is half a minute slow.
        assert_eq!(asked(&[date, ("date", "Sun, 01 Jun 2025 12:00:29 GMT")]), Some((1000, false)));
        assert_eq!(asked(&[("retry-after", "Sun, 01 Jun 2025 11:00:00 GMT")]), Some((0, false)));
        assert_eq!(asked(&[("retry-after-ms", "250"), ("retry-after", "1")]), Some((250, false)));
        assert_eq!(asked(&[("x-ms-retry-after-ms", "40")]), Some((40, false)));
    }

    #[test]
    fn what_is_no_time_is_ignored() {
        for value in ["", "soon", "-1", "nan", "-inf", "Sun, 99 Jun 2025"] {
            assert_eq!(asked(&[("retry-after", value)]), None, "{value}");
        }
        assert!(asked(&[("retry-after", "1e300")]).unwrap().0 <= FOREVER.as_millis());
        assert!(asked(&[("retry-after", "inf")]).unwrap().0 <= FOREVER.as_millis());
    }

    #[test]
    fn a_spent_quota_says_when_it_resets() {
        let epoch = (NOW + 30).to_string();
        let millis = ((NOW + 30) * 1000).to_string();
        for reset in ["30", epoch.as_str(), millis.as_str()] {
            for (left, resets) in [
                ("x-ratelimit-remaining", "x-ratelimit-reset"),
                ("x-rate-limit-remaining", "x-rate-limit-reset"),
                ("ratelimit-remaining", "ratelimit-reset"),
            ] {
                assert_eq!(asked(&[(left, "0"), (resets, reset)]), Some((30_000, true)));
                assert_eq!(asked(&[(left, "1"), (resets, reset)]), None);
                assert_eq!(asked(&[(resets, reset)]), None);
            }
        }
        let none = ("x-ratelimit-limit", "0");
        let rest = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9"), none];
        assert_eq!(asked(&rest), None);
    }

    #[test]
    fn both_spellings_of_the_drafts_are_read() {
        for spent in [
            "limit=100, remaining=0, reset=5",
            "\"default\";r=0;t=5",
            "\"a\";r=9;t=1, \"b\";r=0;t=5",
        ] {
            assert_eq!(asked(&[("ratelimit", spent)]), Some((5000, true)), "{spent}");
        }
        for left in ["limit=100, remaining=50, reset=5", "\"default\";r=50;t=5", "\"a\";r=0", ""] {
            assert_eq!(asked(&[("ratelimit", left)]), None, "{left}");
        }
    }
}
