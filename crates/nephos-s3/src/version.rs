//! Version ids.

use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

/// The id of the version that is written where versions are not kept.
pub(crate) const NULL: &str = "null";

/// One version of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// When it was written, counted over all keys: later ones are higher.
    pub(crate) order: u64,
    /// Makes the id hard to guess; none for the version called `null`.
    pub(crate) salt: Option<u64>,
}

impl Version {
    pub(crate) fn is_null(self) -> bool {
        self.salt.is_none()
    }

    /// The id as clients see it.
    pub(crate) fn text(self) -> String {
        match self.salt {
            None => NULL.to_owned(),
            Some(salt) => format!("{:016x}{salt:016x}", self.order),
        }
    }
}

/// The version a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// The one called `null`.
    Null,
    Id {
        order: u64,
        salt: u64,
    },
}

impl Named {
    /// Reads a version id; what cannot be one is refused, as on S3.
    pub(crate) fn parse(text: &str) -> S3Result<Self> {
        if text == NULL {
            return Ok(Self::Null);
        }
        let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let half = |range| u64::from_str_radix(text.get(range)?, 16).ok();
        match (plain, half(0..16), half(16..32)) {
            (true, Some(order), Some(salt)) => Ok(Self::Id { order, salt }),
            _ => Err(s3_error!(InvalidArgument, "Invalid version id specified")),
        }
    }

    pub(crate) fn is(self, version: Version) -> bool {
        match self {
            Self::Null => version.is_null(),
            Self::Id { order, salt } => version == Version { order, salt: Some(salt) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        let version = Version { order: 7, salt: Some(u64::MAX) };
        assert!(Named::parse(&version.text()).unwrap().is(version));
        let null = Version { order: 7, salt: None };
        assert!(Named::parse("null").unwrap().is(null));
        assert!(!Named::parse("null").unwrap().is(version));
        for bad in ["", "7", "3HL4kqtJlcpXroDTDmJ", &"+".repeat(32)] {
            assert!(Named::parse(bad).is_err(), "{bad}");
        }
    }
}
