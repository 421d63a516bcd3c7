//! Repeated, held back and sent on: what the client does with answers that are not the last word.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::join_all;

use super::*;
use crate::Credentials;
use crate::request::Continuation;
use crate::testing::{Seen, answer, call, call_of, service};
use crate::transport::ResponseBody as Body;

type Reply = Response<Body>;

/// A client of a service that answers at once.
fn client(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Arc<Client>, Seen) {
    let (transport, seen) = service(move |number, _| std::future::ready(script(number)).boxed());
    (ClientBuilder::new(Arc::new(transport)).build(), seen)
}

/// What asks for the first page.
fn first_page() -> &'static Continuation {
    Box::leak(Box::default())
}

fn ok() -> Reply {
    answer(200, &[], "{}")
}

/// An answer that breaks off.
fn cut() -> Reply {
    let parts = [Ok(http_body::Frame::data(Bytes::from_static(b"{"))), Err("cut".into())];
    Response::new(http_body_util::StreamBody::new(futures::stream::iter(parts)).boxed_unsync())
}

#[tokio::test(start_paused = true)]
async fn a_change_is_not_repeated_after_a_failure_or_a_broken_connection() {
    for failing in [500, 502, 503, 504, 0] {
        let (client, seen) = client(move |number| match (number, failing) {
            (0, 0) => cut(),
            (0, status) => answer(status, &[], ""),
            _ => ok(),
        });
        assert!(client.fetch(&call("add"), first_page()).await.is_err(), "{failing}");
        assert_eq!(seen.lock().unwrap().len(), 1, "{failing}");
        for safe in ["get", "put"] {
            seen.lock().unwrap().clear();
            assert!(client.fetch(&call(safe), first_page()).await.is_ok(), "{failing}");
            assert_eq!(seen.lock().unwrap().len(), 2, "{failing}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_refused_for_there_being_too_many_is_repeated() {
    for (status, headers, body) in [
        (429, vec![], ""),
        (503, vec![], "<Error><Code>SlowDown</Code></Error>"),
        (400, vec![], r#"{"__type":"com.amazon.coral#ThrottlingException"}"#),
        (400, vec![("x-amzn-ErrorType", "TooManyRequestsException:http://x")], ""),
        (400, vec![], "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
        (403, vec![("retry-after", "1")], r#"{"message":"secondary rate limit"}"#),
        (403, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5")], "{}"),
    ] {
        let replies = headers.clone();
        let (client, seen) = client(move |number| match number {
            0 => answer(status, &replies, body),
            _ => ok(),
        });
        client.fetch(&call("add"), first_page()).await.unwrap();
        assert_eq!(seen.lock().unwrap().len(), 2, "{status} {headers:?} {body}");
        assert_eq!(client.traffic().throttled(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_not_repeated() {
    for status in [400, 401, 403, 404, 409, 501] {
        let (client, seen) = client(move |_| answer(status, &[], "{}"));
        assert!(client.fetch(&call("get"), first_page()).await.is_err());
        assert_eq!(seen.lock().unwrap().len(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn others_of_the_host_wait_as_long_as_it_asks() {
    let begun = tokio::time::Instant::now();
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = times.clone();
    let (client, _) = client(move |number| {
        noted.lock().unwrap().push(begun.elapsed().as_secs());
        if number == 0 { answer(429, &[("retry-after", "30")], "") } else { ok() }
    });
    let first = call("add");
    let mut first = Box::pin(client.fetch(&first, first_page()));
    assert!(first.as_mut().now_or_never().is_none());
    let other = call("get");
    let calls = (0..20).map(|_| client.fetch(&other, first_page()));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    first.await.unwrap();
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 22);
    assert!(times[1..].iter().all(|seconds| *seconds == 30), "{times:?}");
    assert!(client.traffic().waited().as_secs() >= 30);
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_told_and_not_waited_for() {
    let begun = tokio::time::Instant::now();
    let (client, seen) = client(|number| match number {
        0 => answer(
            403,
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1830")],
            r#"{"message":"API rate limit exceeded"}"#,
        ),
        _ => ok(),
    });
    let error = client.fetch(&call("get"), first_page()).await.err().unwrap();
    assert_eq!(
        error.message,
        "example.things.things.get failed: API rate limit exceeded (HTTP 403)"
    );
    assert!(
        error.hints.contains(&"the rate limit resets in 1830 s".to_owned()),
        "{:?}",
        error.hints
    );
    // Another quota of the host may have something left.
    client.fetch(&call("put"), first_page()).await.unwrap();
    assert_eq!((seen.lock().unwrap().len(), begun.elapsed().as_secs()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_a_success_used_up_is_waited_for() {
    let (client, _) =
        client(|_| answer(200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "9")], "{}"));
    let begun = tokio::time::Instant::now();
    client.fetch(&call("get"), first_page()).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 0);
    client.fetch(&call("get"), first_page()).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn giving_up_says_what_was_tried() {
    let (client, seen) = client(|_| answer(500, &[("retry-after", "2")], ""));
    let error = client.fetch(&call("get"), first_page()).await.err().unwrap();
    assert_eq!(seen.lock().unwrap().len(), 5);
    assert!(error.context.contains(&("attempts", "5".to_owned())));
    assert!(error.context.contains(&("waited between them", "8.0 s".to_owned())));
}

/// A service that takes `most` requests at once for `busy` each and refuses others after a round
/// trip. Returns the most that were there at once in the second half of `calls` calls, the limit at
/// their end, how many were refused, and how much of what the service could do was used, in percent.
#[allow(clippy::cast_possible_truncation)]
async fn settle(most: usize, calls: usize) -> (usize, usize, u64, usize) {
    let now = Arc::new(AtomicUsize::new(0));
    let peak = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let (there, top, over) = (now, peak.clone(), done.clone());
    let (transport, _) = service(move |_, _| {
        let at_once = there.fetch_add(1, Ordering::SeqCst) + 1;
        if over.load(Ordering::SeqCst) > calls / 2 {
            top.fetch_max(at_once, Ordering::SeqCst);
        }
        let (there, over) = (there.clone(), over.clone());
        async move {
            let taken = at_once <= most;
            tokio::time::sleep(Duration::from_millis(if taken { 50 } else { 10 })).await;
            there.fetch_sub(1, Ordering::SeqCst);
            if taken {
                over.fetch_add(1, Ordering::SeqCst);
                ok()
            } else {
                answer(429, &[], "")
            }
        }
        .boxed()
    });
    let client = ClientBuilder::new(Arc::new(transport)).build();
    let begun = tokio::time::Instant::now();
    let call = call("add");
    let first = Continuation::default();
    let results = join_all((0..calls).map(|_| client.fetch(&call, &first))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(done.load(Ordering::SeqCst), calls);
    let limit = client.traffic().limit().unwrap_or_default();
    let share = 50 * calls * 100 / (most * begun.elapsed().as_millis() as usize);
    (peak.load(Ordering::SeqCst), limit, client.traffic().throttled(), share)
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_few_at_once_refuses_no_call_in_the_end() {
    for most in [1, 2, 4, 10, 20] {
        let (peak, limit, throttled, share) = settle(most, 600).await;
        assert!(peak <= most + 1, "{most}: {peak}");
        assert!(limit <= most + 1 && limit >= most / 2, "{most}: {limit}");
        assert!(throttled < 150, "{most}: {throttled} of 600 calls were refused");
        assert!(share > 75, "{most}: {share} percent of the service was used");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_counts_calls_by_the_second_is_not_run_into_for_ever() {
    let begun = tokio::time::Instant::now();
    let window = Arc::new(Mutex::new((0, 0)));
    let (transport, seen) = service(move |_, _| {
        let window = window.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut window = window.lock().unwrap();
            let second = begun.elapsed().as_secs();
            if window.0 != second {
                *window = (second, 0);
            }
            window.1 += 1;
            if window.1 <= 10 { ok() } else { answer(429, &[], "") }
        }
        .boxed()
    });
    let client = ClientBuilder::new(Arc::new(transport)).build();
    let call = call("add");
    let results = join_all((0..200).map(|_| client.fetch(&call, first_page()))).await;
    let failed = results.iter().filter(|result| result.is_err()).count();
    let (sent, seconds) = (seen.lock().unwrap().len(), begun.elapsed().as_secs());
    assert_eq!(failed, 0);
    assert!(sent < 700, "{sent}");
    assert!(seconds < 60, "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_dropped_leave_their_places() {
    let (transport, _) = service(|_, _| {
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            ok()
        }
        .boxed()
    });
    let concurrency = Concurrency { first: 2, per_host: 2, in_all: 2 };
    let client = ClientBuilder::new(Arc::new(transport)).concurrency(concurrency).build();
    let call = call("get");
    for _ in 0..10 {
        let all = join_all((0..8).map(|_| client.fetch(&call, first_page())));
        assert!(tokio::time::timeout(Duration::from_millis(500), all).await.is_err());
    }
    let begun = tokio::time::Instant::now();
    assert!(
        join_all((0..8).map(|_| client.fetch(&call, first_page()))).await.iter().all(Result::is_ok)
    );
    assert_eq!(begun.elapsed().as_secs(), 4);
    assert_eq!((client.traffic().queued(), client.traffic().waiting()), (0, 0));
}

/// What is asked when request n is sent on to the n-th place.
async fn sent_on(call: &Call, places: &[&'static str]) -> (Result<Answer, CallError>, Seen) {
    let places = places.to_vec();
    let (client, seen) = client(move |number| match places.get(number) {
        Some(place) => answer(301, &[("location", place)], "moved"),
        None => ok(),
    });
    (client.fetch(call, first_page()).await, seen)
}

#[tokio::test(start_paused = true)]
async fn a_read_follows_a_thing_that_moved_and_takes_secrets_to_no_other_host() {
    let (result, seen) = sent_on(
        &call("get"),
        &[
            "/things/b",
            "https://api.example/things/c",
            "https://other.example:8443/d#part",
            "e?f=g",
        ],
    )
    .await;
    result.unwrap();
    let seen = seen.lock().unwrap();
    let urls: Vec<String> = seen.iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(
        urls,
        [
            "https://api.example/things/a",
            "https://api.example/things/b",
            "https://api.example/things/c",
            "https://other.example:8443/d",
            "https://other.example:8443/e?f=g",
        ]
    );
    for (request, (host, token)) in seen.iter().zip([
        ("api.example", true),
        ("api.example", true),
        ("api.example", true),
        ("other.example:8443", false),
        ("other.example:8443", false),
    ]) {
        assert_eq!(request.headers()["host"], host);
        assert_eq!(request.headers().contains_key("x-token"), token, "{}", request.uri());
    }
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_followed_is_not() {
    for (place, reason) in [
        ("http://api.example/things/b", "not encrypted"),
        ("ftp://api.example/things/b", "neither http nor https"),
        ("https://", "not a usable URL"),
        ("https://user:password@api.example/", "a user name or a password"),
    ] {
        let (result, seen) = sent_on(&call("get"), &[place]).await;
        let error = result.err().unwrap();
        assert!(error.message.contains(reason), "{error}");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
    let (result, seen) = sent_on(&call("get"), &["/again"; 99]).await;
    assert!(result.err().unwrap().message.ends_with("was sent on more than 5 times"));
    assert_eq!(seen.lock().unwrap().len(), 6);
    for call in [call("add"), call("put")] {
        let (result, seen) = sent_on(&call, &["/things/b"]).await;
        assert!(result.err().unwrap().message.contains("HTTP 301"));
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signed_request_is_not_sent_on() {
    let (transport, seen) = service(|_, _| {
        std::future::ready(answer(301, &[("location", "https://other.example/")], "")).boxed()
    });
    let credentials = CredentialsSource::Static(Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "SECRET".to_owned(),
        session_token: None,
    });
    let client = ClientBuilder::new(Arc::new(transport)).credentials(credentials).build();
    let call = call_of("aws", "s3", "{type: aws_signing_v4}", "get");
    let error = client.fetch(&call, first_page()).await.err().unwrap();
    assert!(error.message.contains("PermanentRedirect (HTTP 301)"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}
