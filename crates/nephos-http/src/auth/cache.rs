//! What was fetched and is still good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use tokio::sync::Mutex as AsyncMutex;

use crate::CallError;

/// What is this close to its end is fetched anew, so that no request outlives it.
const REFRESH_BEFORE: Duration = Duration::from_mins(5);

/// Values by name, each fetched once for all who ask at the same time.
pub(super) struct Cache<T> {
    /// The outer lock is held for a look only; the inner one while a value is fetched.
    slots: Mutex<HashMap<String, Arc<AsyncMutex<Slot<T>>>>>,
}

struct Slot<T> {
    held: Option<Held<T>>,
    /// Counts the fetches: who was refused says which value it had.
    generation: u64,
}

struct Held<T> {
    value: T,
    refresh_at: Option<SystemTime>,
}

/// A value and its end; without one it is good until a service refuses it.
pub(super) struct Fetched<T> {
    pub(super) value: T,
    pub(super) expires: Option<SystemTime>,
}

/// A value as it is handed out.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) generation: u64,
    /// It was fetched for an earlier request.
    pub(super) kept: bool,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<T: Clone> Cache<T> {
    /// The value of `name`; `fetch` is called where there is none or where it ends soon.
    pub(super) async fn get<'a>(
        &self,
        name: &str,
        now: SystemTime,
        fetch: impl FnOnce() -> BoxFuture<'a, Result<Fetched<T>, CallError>>,
    ) -> Result<Found<T>, CallError> {
        let slot = self.slot(name);
        let mut slot = slot.lock().await;
        if let Some(held) = &slot.held
            && held.refresh_at.is_none_or(|at| now < at)
        {
            return Ok(Found {
                value: held.value.clone(),
                generation: slot.generation,
                kept: true,
            });
        }
        let Fetched { value, expires } = fetch().await?;
        // A token that lives for a minute is of use for half of it.
        let refresh_at = expires.map(|end| {
            let life = end.duration_since(now).unwrap_or_default();
            end.checked_sub(REFRESH_BEFORE.min(life / 2)).unwrap_or(now)
        });
        slot.generation += 1;
        slot.held = Some(Held { value: value.clone(), refresh_at });
        Ok(Found { value, generation: slot.generation, kept: false })
    }

    /// Drops a value, unless another was fetched meanwhile.
    pub(super) async fn forget(&self, name: &str, generation: u64) {
        let slot = self.slot(name);
        let mut slot = slot.lock().await;
        if slot.generation == generation {
            slot.held = None;
        }
    }

    fn slot(&self, name: &str) -> Arc<AsyncMutex<Slot<T>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = || Arc::new(AsyncMutex::new(Slot { held: None, generation: 0 }));
        slots.entry(name.to_owned()).or_insert_with(empty).clone()
    }
}
