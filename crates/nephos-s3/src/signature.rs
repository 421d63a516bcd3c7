//! The chain of signatures over the chunks of a body: each covers the one before it.

use http::HeaderMap;
use ring::hmac;
use s3s::{S3Result, s3_error};
use sha2::{Digest as _, Sha256};

/// Verifies signatures one after the other, from the one of the request's head on.
pub(crate) struct ChunkSigner {
    key: hmac::Key,
    /// The time of the request and the scope of its credentials, a line each.
    context: String,
    previous: String,
}

impl ChunkSigner {
    /// Reads what the chain begins with from a head that was verified.
    pub(crate) fn new(headers: &HeaderMap, secret: &str) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let begin = || {
            let authorization = text("authorization")?;
            let field = |name: &str| {
                let (_, rest) = authorization.split_once(name)?;
                rest.split([',', ' ']).next()
            };
            let (_, scope) = field("Credential=")?.split_once('/')?;
            Some((text("x-amz-date")?, scope, field("Signature=")?))
        };
        let Some((date, scope, seed)) = begin() else {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header of a request with signed chunks is malformed"
            ));
        };
        let key = signing_key(secret, scope);
        Ok(Self { key, context: format!("{date}\n{scope}"), previous: seed.to_owned() })
    }

    /// Whether a chunk with this SHA-256 has this signature.
    pub(crate) fn chunk(&mut self, hash: &[u8], signature: &str) -> bool {
        let nothing = hex::encode(Sha256::digest([]));
        self.follows(
            "AWS4-HMAC-SHA256-PAYLOAD",
            &format!("{nothing}\n{}", hex::encode(hash)),
            signature,
        )
    }

    /// Whether the trailers have this signature.
    pub(crate) fn trailers(&mut self, canonical: &[u8], signature: &str) -> bool {
        let hash = hex::encode(Sha256::digest(canonical));
        self.follows("AWS4-HMAC-SHA256-TRAILER", &hash, signature)
    }

    fn follows(&mut self, kind: &str, content: &str, signature: &str) -> bool {
        let text = format!("{kind}\n{}\n{}\n{content}", self.context, self.previous);
        let given = hex::decode(signature).unwrap_or_default();
        signature.clone_into(&mut self.previous);
        hmac::verify(&self.key, text.as_bytes(), &given).is_ok()
    }
}

/// The key that a secret gives for a scope: a day, a region, a service and `aws4_request`.
pub(crate) fn signing_key(secret: &str, scope: &str) -> hmac::Key {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    scope.split('/').fold(secret, |key, step| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation of chunked uploads.
    #[test]
    fn the_documented_example_verifies() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", "20130524T000000Z".parse().unwrap());
        let authorization = "AWS4-HMAC-SHA256 \
             Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=content-encoding;content-length;host,\
             Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
        headers.insert("authorization", authorization.parse().unwrap());
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let mut signer = ChunkSigner::new(&headers, secret).unwrap();
        let chunk = |length| Sha256::digest(vec![b'a'; length]);
        for (length, signature) in [
            (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
            (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
            (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
        ] {
            assert!(signer.chunk(&chunk(length), signature), "{length}");
        }
        assert!(!signer.chunk(&chunk(0), &"0".repeat(64)));
    }
}
