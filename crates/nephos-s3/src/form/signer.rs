//! Who signed a form. The signature covers its policy, and so all that the policy allows.

use super::fields::Fields;
use crate::access::{anonymous, check_session};
use crate::auth::unknown_key;
use crate::signature::signing_key;
use crate::users::{User, Users};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use s3s::{S3Error, S3Result, s3_error};

/// The one algorithm of version 4 that has a secret.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Verifies the signature of a form, and that the session of its keys goes on. The date of the
/// signature may lie back any time: the policy says when it ends. Returns the policy.
pub(super) fn verify<'a>(fields: &'a Fields, users: &Users) -> S3Result<&'a str> {
    let policy = fields.get("policy").filter(|policy| !policy.is_empty()).ok_or_else(anonymous)?;
    let any = |names: &[&str]| names.iter().any(|name| fields.get(name).is_some());
    let user = if any(&["x-amz-signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date"]) {
        version_4(fields, policy, users)?
    } else if any(&["signature", "awsaccesskeyid"]) {
        version_2(fields, policy, users)?
    } else {
        return Err(anonymous());
    };
    check_session(&user, fields.get("x-amz-security-token"))?;
    Ok(policy)
}

fn version_4(fields: &Fields, policy: &str, users: &Users) -> S3Result<User> {
    let signature = fields.required("X-Amz-Signature")?;
    let algorithm = fields.required("X-Amz-Algorithm")?;
    let credential = fields.required("X-Amz-Credential")?;
    let date = fields.required("X-Amz-Date")?;
    if algorithm != ALGORITHM {
        return Err(s3_error!(InvalidArgument, "X-Amz-Algorithm only supports \"{ALGORITHM}\""));
    }
    // The key id may hold slashes; the four parts of the scope do not.
    let mut parts = credential.rsplitn(5, '/');
    let scope = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    let (Some("aws4_request"), Some("s3"), Some(region), Some(day), Some(key)) = scope else {
        return Err(s3_error!(
            InvalidArgument,
            "The X-Amz-Credential of the form must be KEY/DAY/REGION/s3/aws4_request"
        ));
    };
    if !is_instant(date) || !date.starts_with(day) || day.len() != 8 {
        return Err(s3_error!(
            InvalidArgument,
            "X-Amz-Date must be formatted as \"YYYYMMDDTHHMMSSZ\", on the day of X-Amz-Credential"
        ));
    }
    let user = users.find(key).ok_or_else(unknown_key)?;
    let secret = signing_key(&user.secret_access_key, &format!("{day}/{region}/s3/aws4_request"));
    let given = hex::decode(signature).unwrap_or_default();
    hmac::verify(&secret, policy.as_bytes(), &given).map_err(|_| mismatch())?;
    Ok(user)
}

/// What boto3 makes unless it is told otherwise.
fn version_2(fields: &Fields, policy: &str, users: &Users) -> S3Result<User> {
    let signature = fields.required("Signature")?;
    let key = fields.required("AWSAccessKeyId")?;
    let user = users.find(key).ok_or_else(unknown_key)?;
    let secret =
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, user.secret_access_key.as_bytes());
    let given = STANDARD.decode(signature).unwrap_or_default();
    hmac::verify(&secret, policy.as_bytes(), &given).map_err(|_| mismatch())?;
    Ok(user)
}

/// `20300101T000000Z`.
fn is_instant(date: &str) -> bool {
    let shape = date.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(*b"00000000T000000Z")
}

fn mismatch() -> S3Error {
    s3_error!(
        SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::UsersFile;
    use std::time::Duration;

    const DATE: &str = "20151229T000000Z";

    fn fields(rows: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in rows {
            fields.add((*name).to_owned(), (*value).to_owned()).unwrap();
        }
        fields
    }

    fn signed_4(user: &User, policy: &str) -> Vec<(&'static str, String)> {
        let scope = "20151229/eu-west-1/s3/aws4_request";
        let key = signing_key(&user.secret_access_key, scope);
        vec![
            ("policy", policy.to_owned()),
            ("x-amz-algorithm", ALGORITHM.to_owned()),
            ("x-amz-credential", format!("{}/{scope}", user.access_key_id)),
            ("x-amz-date", DATE.to_owned()),
            ("x-amz-signature", hex::encode(hmac::sign(&key, policy.as_bytes()))),
        ]
    }

    fn signed_2(user: &User, policy: &str) -> Vec<(&'static str, String)> {
        let secret = user.secret_access_key.as_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
        vec![
            ("policy", policy.to_owned()),
            ("awsaccesskeyid", user.access_key_id.clone()),
            ("signature", STANDARD.encode(hmac::sign(&key, policy.as_bytes()))),
        ]
    }

    fn outcome(rows: &[(&'static str, String)], users: &Users) -> String {
        let rows: Vec<_> = rows.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match verify(&fields(&rows), users) {
            Ok(policy) => policy.to_owned(),
            Err(error) => error.code().as_str().to_owned(),
        }
    }

    /// The example of AWS's documentation of forms.
    #[test]
    fn the_documented_example_verifies() {
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let key = signing_key(secret, "20151229/us-east-1/s3/aws4_request");
        let signature = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";
        let given = hex::decode(signature).unwrap();
        assert!(hmac::verify(&key, policy.as_bytes(), &given).is_ok());
    }

    #[test]
    fn signatures_are_verified() {
        let dir = tempfile::tempdir().unwrap();
        let user = User::new("ann", None);
        UsersFile::of(dir.path()).write(std::slice::from_ref(&user)).unwrap();
        let users = Users::new(dir.path(), false);
        for sign in [signed_4, signed_2] {
            let good = sign(&user, "cG9saWN5");
            assert_eq!(outcome(&good, &users), "cG9saWN5");
            let mut other = good.clone();
            other[0].1 = "b3RoZXI=".to_owned();
            assert_eq!(outcome(&other, &users), "SignatureDoesNotMatch");
            let mut empty = good.clone();
            empty.last_mut().unwrap().1.clear();
            assert_eq!(outcome(&empty, &users), "SignatureDoesNotMatch");
            let stranger = User::new("bob", None);
            assert_eq!(outcome(&sign(&stranger, "cG9saWN5"), &users), "InvalidAccessKeyId");
            let with_token = [&good[..], &[("x-amz-security-token", "x".to_owned())]].concat();
            assert_eq!(outcome(&with_token, &users), "InvalidToken");
            assert_eq!(outcome(&good[1..], &users), "AccessDenied");
            assert_eq!(outcome(&good[..1], &users), "AccessDenied");
            for missing in 1..good.len() {
                let mut rows = good.clone();
                rows.remove(missing);
                assert_eq!(outcome(&rows, &users), "InvalidArgument");
            }
        }
        for (row, value) in [
            (1, "AWS4-ECDSA-P256-SHA256"),
            (2, "words"),
            (2, "k/20151229/r/iam/aws4_request"),
            (2, "k/20151228/r/s3/aws4_request"),
            (2, "k/2015/r/s3/aws4_request"),
            (3, "20151229"),
        ] {
            let mut rows = signed_4(&user, "cG9saWN5");
            rows[row].1 = value.to_owned();
            assert_eq!(outcome(&rows, &users), "InvalidArgument", "{value}");
        }
    }

    #[test]
    fn temporary_keys_need_their_token_and_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = UsersFile::of(dir.path());
        let mut user = User::new("ann", Some(Duration::from_mins(1)));
        let write = |user: &User| file.write(std::slice::from_ref(user)).unwrap();
        write(&user);
        for sign in [signed_4, signed_2] {
            let without = sign(&user, "cG9saWN5");
            let token = user.session_token.clone().unwrap();
            let with = [&without[..], &[("x-amz-security-token", token)]].concat();
            let users = || Users::new(dir.path(), false);
            assert_eq!(outcome(&without, &users()), "InvalidToken");
            assert_eq!(outcome(&with, &users()), "cG9saWN5");
            let expires = user.expires.replace(1);
            write(&user);
            assert_eq!(outcome(&with, &users()), "ExpiredToken");
            user.expires = expires;
            write(&user);
        }
    }
}
