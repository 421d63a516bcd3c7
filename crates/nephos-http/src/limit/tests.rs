use futures::FutureExt;

use super::*;

const A: &str = "https://a.example";

fn limiter(first: usize, per_host: usize, in_all: usize) -> Limiter {
    Limiter::new(Concurrency { first, per_host, in_all }, Arc::default())
}

fn limit(limiter: &Limiter) -> usize {
    limiter.host(A).state().limit
}

/// Permits that can be had now. The runtime makes a task that takes very many wait a turn.
fn take(limiter: &Limiter) -> Vec<Permit> {
    let enter = || tokio::task::unconstrained(limiter.enter(A)).now_or_never();
    std::iter::from_fn(enter).collect()
}

#[tokio::test(start_paused = true)]
async fn a_limit_grows_by_one_for_its_own_number_of_successes_and_ends_at_the_bound() {
    let limiter = limiter(2, 4, 64);
    for expected in [3, 4, 4] {
        let permits = take(&limiter);
        permits.iter().for_each(Permit::succeeded);
        assert_eq!(limit(&limiter), expected);
    }
    assert_eq!(take(&limiter).len(), 4);
    // Calls one after another do not need a larger limit and do not make one.
    let limiter = self::limiter(2, 4, 64);
    for _ in 0..10 {
        limiter.enter(A).await.succeeded();
    }
    assert_eq!(limit(&limiter), 2);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_halved_once_a_round_trip_and_recovers() {
    let limiter = limiter(16, 32, 64);
    let permits = take(&limiter);
    assert_eq!(permits.len(), 16);
    permits.iter().for_each(Permit::throttled);
    assert_eq!(limit(&limiter), 8);
    assert_eq!(limiter.traffic.throttled(), 16);
    assert_eq!(limiter.traffic.limit(), Some(8));
    // Sent before the cut: their success does not say that eight is too few.
    permits.iter().for_each(Permit::succeeded);
    assert_eq!(limit(&limiter), 8);
    drop(permits);
    let permits = take(&limiter);
    assert_eq!(permits.len(), 8);
    permits.iter().for_each(Permit::throttled);
    assert_eq!(limit(&limiter), 4);
    drop(permits);
    // One success for each of its requests makes a limit grow, but near the one that failed.
    for expected in 5..=32 {
        let rounds = if expected == 8 { PATIENCE } else { 1 };
        for _ in 0..rounds {
            assert_eq!(limit(&limiter), expected - 1);
            let permits = take(&limiter);
            assert_eq!(permits.len(), expected - 1);
            permits.iter().for_each(Permit::succeeded);
        }
        assert_eq!(limit(&limiter), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_is_always_let_through() {
    let limiter = limiter(2, 32, 64);
    for _ in 0..5 {
        limiter.enter(A).await.throttled();
    }
    assert_eq!(limit(&limiter), 1);
    assert!(limiter.host(A).at_least());
    assert_eq!(take(&limiter).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_all_calls_of_its_host_and_of_no_other() {
    let limiter = limiter(4, 32, 4);
    limiter.enter(A).await.host().pause(Duration::from_secs(7));
    let begun = Instant::now();
    let waiting: Vec<_> = (0..9).map(|_| limiter.enter(A)).collect();
    let mut all = std::pin::pin!(futures::future::join_all(
        waiting.into_iter().map(|permit| async { drop(permit.await) })
    ));
    assert!(all.as_mut().now_or_never().is_none());
    assert_eq!((limiter.traffic.waiting(), limiter.traffic.queued()), (4, 5));
    // A host of which all slots wait holds none of the places for all.
    let others: Vec<_> =
        (0..4).filter_map(|_| limiter.enter("https://b.example").now_or_never()).collect();
    assert_eq!(others.len(), 4);
    drop(others);
    all.await;
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert_eq!((limiter.traffic.waiting(), limiter.traffic.queued()), (0, 0));
    assert!(limiter.traffic.waited() >= Duration::from_secs(28));
    // A shorter pause does not end a longer one.
    limiter.host(A).pause(Duration::from_secs(5));
    limiter.host(A).pause(Duration::from_secs(1));
    limiter.enter(A).await;
    assert_eq!(begun.elapsed().as_secs(), 12);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_or_a_pause_takes_nothing_along() {
    let limiter = limiter(2, 32, 2);
    let held = take(&limiter);
    assert_eq!(held.len(), 2);
    for _ in 0..10 {
        assert!(limiter.enter(A).now_or_never().is_none());
    }
    assert_eq!(limiter.traffic.queued(), 0);
    // A slot may be on its way to someone who leaves without having looked.
    let mut leaving = Box::pin(limiter.enter(A));
    assert!(leaving.as_mut().now_or_never().is_none());
    drop(held);
    drop(leaving);
    assert_eq!(take(&limiter).len(), 2);
    limiter.host(A).pause(Duration::from_secs(1));
    for _ in 0..10 {
        assert!(limiter.enter(A).now_or_never().is_none());
    }
    assert_eq!(limiter.traffic.waiting(), 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(take(&limiter).len(), 2);
    // Slots above a limit that was cut vanish when they come back, whoever waits.
    let limiter = self::limiter(4, 32, 64);
    let held = take(&limiter);
    held[0].throttled();
    let mut waiting = Box::pin(limiter.enter(A));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(held);
    drop(waiting);
    assert_eq!(take(&limiter).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_to_come_is_the_first_to_go() {
    let limiter = limiter(1, 1, 64);
    let held = limiter.enter(A).await;
    let order = Mutex::new(Vec::new());
    let calls = (0..5).map(|number| {
        let (limiter, order) = (&limiter, &order);
        async move {
            let _permit = limiter.enter(A).await;
            order.lock().unwrap().push(number);
        }
    });
    let mut calls = std::pin::pin!(futures::future::join_all(calls));
    assert!(calls.as_mut().now_or_never().is_none());
    drop(held);
    calls.await;
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn all_hosts_together_have_a_bound_and_are_not_remembered_for_ever() {
    let limiter = limiter(4, 32, 6);
    let mut permits = Vec::new();
    for host in 0..3 {
        let name = format!("https://{host}.example");
        permits.extend(std::iter::from_fn(|| limiter.enter(&name).now_or_never()));
    }
    assert_eq!(permits.len(), 6);
    limiter.host(A).pause(Duration::from_secs(1));
    for host in 0..10_000 {
        limiter.host(&format!("https://{host}.other.example"));
    }
    let hosts = limiter.hosts.lock().unwrap();
    assert!(hosts.len() <= MOST_HOSTS, "{}", hosts.len());
    for kept in [A, "https://0.example", "https://1.example"] {
        assert!(hosts.contains_key(kept), "{kept}");
    }
}
