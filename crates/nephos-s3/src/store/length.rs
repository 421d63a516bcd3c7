//! What is known of the length of a body before it has arrived.

use crate::error::{entity_too_large, entity_too_small, incomplete_body};
use s3s::S3Result;

/// How long a body must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// As the request says. A body of another length was cut.
    Exact(u64),
    /// Within bounds, both included: the file of a form, whose own length no header tells. Those
    /// of the whole form do, and it cannot be longer than that.
    Within { least: u64, most: u64, form: u64 },
}

impl Length {
    /// How much room the body takes at most.
    pub(super) fn room(self) -> u64 {
        match self {
            Self::Exact(length) => length,
            Self::Within { most, form, .. } => most.min(form),
        }
    }

    /// Checks how much has arrived, with more to come.
    pub(super) fn check_part(self, received: u64) -> S3Result<()> {
        match self {
            Self::Exact(length) if received > length => Err(incomplete_body()),
            Self::Within { most, .. } if received > most => Err(entity_too_large()),
            _ => Ok(()),
        }
    }

    /// Checks how much has arrived, at the end.
    pub(super) fn check_whole(self, received: u64) -> S3Result<()> {
        match self {
            Self::Exact(length) if received < length => Err(incomplete_body()),
            Self::Within { least, .. } if received < least => Err(entity_too_small()),
            _ => self.check_part(received),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_checked_while_it_grows_and_at_its_end() {
        let code = |checked: S3Result<()>| checked.err().map(|e| e.code().as_str().to_owned());
        let exact = Length::Exact(5);
        assert_eq!(code(exact.check_part(4)), None);
        assert_eq!(code(exact.check_part(6)).as_deref(), Some("IncompleteBody"));
        assert_eq!(code(exact.check_whole(4)).as_deref(), Some("IncompleteBody"));
        assert_eq!(code(exact.check_whole(5)), None);
        let within = Length::Within { least: 2, most: 4, form: 100 };
        assert_eq!(code(within.check_part(1)), None);
        assert_eq!(code(within.check_part(5)).as_deref(), Some("EntityTooLarge"));
        assert_eq!(code(within.check_whole(1)).as_deref(), Some("EntityTooSmall"));
        assert_eq!(code(within.check_whole(2)), None);
        assert_eq!(code(within.check_whole(5)).as_deref(), Some("EntityTooLarge"));
        assert_eq!((exact.room(), within.room()), (5, 4));
    }
}
