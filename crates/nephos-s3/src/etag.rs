//! Entity tags: the MD5 of a body, or the MD5 of the parts' MD5s with their number. Where S3's
//! tags are no MD5s, something else stands for the MD5 of a body or a part.

use md5::{Digest, Md5};
use s3s::dto::ETag;

/// The tag of an object that was written in one piece.
pub(crate) fn single(tag: [u8; 16]) -> String {
    let mut text = vec![0; 2 * tag.len()];
    // Into a buffer of the right length this has no way to fail, and it is many times faster than
    // `encode`: a page of parts has a thousand tags.
    let _ = hex::encode_to_slice(tag, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// The tag of an object that was completed from parts.
pub(crate) fn multipart(parts: impl IntoIterator<Item = [u8; 16]>) -> String {
    let mut hasher = Md5::new();
    let mut count = 0_usize;
    for tag in parts {
        hasher.update(tag);
        count += 1;
    }
    format!("{}-{count}", hex::encode(hasher.finalize()))
}

/// The tag as the protocol layer quotes it.
pub(crate) fn quoted(tag: &str) -> ETag {
    ETag::Strong(tag.to_owned())
}

/// Whether a client means this tag.
pub(crate) fn same(given: &ETag, tag: &str) -> bool {
    given.value() == tag
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
