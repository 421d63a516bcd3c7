//! Versions of providers, compared leniently.

use std::cmp::Ordering;

use semver::Prerelease;

/// A version as registries write it: `v24.07.00246`, `v1.0.3-beta`, `1.2`.
///
/// Ordered by what is preferred: releases before pre-releases, then as semantic versions, but with
/// leading zeros and any count of numbers. A text that is no version is less than any that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderVersion {
    text: String,
    /// `None` for a text that is no version.
    numbers: Option<Vec<u64>>,
    pre: Prerelease,
}

impl ProviderVersion {
    /// Reads a version; every text is one.
    pub fn new(text: &str) -> Self {
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let bare = bare.split_once('+').map_or(bare, |(version, _)| version);
        let (numbers, pre) = bare.split_once('-').unwrap_or((bare, ""));
        let numbers: Option<Vec<u64>> = numbers.split('.').map(|n| n.parse().ok()).collect();
        Self { text: text.to_owned(), numbers, pre: prerelease(pre) }
    }

    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one that is preferred among several.
    pub fn latest<'a>(versions: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        versions.into_iter().max_by_key(|text| Self::new(text))
    }

    fn is_release(&self) -> bool {
        self.numbers.is_some() && self.pre.is_empty()
    }
}

impl Ord for ProviderVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.is_release()
            .cmp(&other.is_release())
            .then_with(|| self.numbers.cmp(&other.numbers))
            .then_with(|| self.pre.cmp(&other.pre))
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for ProviderVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What stands behind the first dash, made to fit: numbers without leading zeros, and a dash for
/// what may not stand there, such as the `_` of a branch's name.
fn prerelease(text: &str) -> Prerelease {
    let identifier = |text: &str| match text.parse::<u64>() {
        Ok(number) => number.to_string(),
        Err(_) => text.replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
    };
    let fitted: Vec<String> = text.split('.').map(identifier).collect();
    Prerelease::new(&fitted.join(".")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers_with_leading_zeros() {
        for (older, newer) in [
            ("v24.07.00246", "v24.07.00301"),
            ("v24.07.00999", "v24.07.01000"),
            ("v9.0.0", "v23.01.00104"),
            ("v00.00.00000", "v0.1.2"),
            ("v1.2", "v1.2.1"),
            ("v1.0.0-alpha.9", "v1.0.0-alpha.10"),
            ("v1.0.0-rc1", "v1.0.0"),
            // A pre-release is for those who ask for it.
            ("v2.0.0-rc1", "v1.9.0"),
            ("nightly", "v0.0.1-a"),
        ] {
            let (a, b) = (ProviderVersion::new(older), ProviderVersion::new(newer));
            assert!(a < b, "{older} {newer}");
        }
    }

    #[test]
    fn the_latest_is_the_highest_release() {
        let of = |versions: &[&'static str]| ProviderVersion::latest(versions.iter().copied());
        assert_eq!(of(&["v0.3.0", "v0.10.0", "v0.9.9", "v1.0.0-dev"]), Some("v0.10.0"));
        assert_eq!(of(&["v0.1.0-a", "v0.1.0-b_1"]), Some("v0.1.0-b_1"));
        assert_eq!(of(&[]), None);
    }
}
