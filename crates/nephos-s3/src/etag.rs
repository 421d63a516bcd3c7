//! Entity tags: the MD5 of a body, or the MD5 of the parts' MD5s with their number.

use md5::{Digest, Md5};
use s3s::dto::ETag;

/// The tag of an object that was written in one piece.
pub(crate) fn single(md5: [u8; 16]) -> String {
    hex::encode(md5)
}

/// The tag of an object that was completed from parts.
pub(crate) fn multipart(parts: impl IntoIterator<Item = [u8; 16]>) -> String {
    let mut hasher = Md5::new();
    let mut count = 0_usize;
    for md5 in parts {
        hasher.update(md5);
        count += 1;
    }
    format!("{}-{count}", hex::encode(hasher.finalize()))
}

/// The tag as the protocol layer quotes it.
pub(crate) fn quoted(tag: &str) -> ETag {
    ETag::Strong(tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipart_tag_hashes_the_hashes() {
        let part = Md5::digest(b"a").into();
        let expected = hex::encode(Md5::digest([Md5::digest(b"a"), Md5::digest(b"a")].concat()));
        assert_eq!(multipart([part, part]), format!("{expected}-2"));
    }
}
