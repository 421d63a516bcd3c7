//! The MD5 of a body, computed beside everything else.

use crate::error::internal;
use crate::multibuffer::{Hashers, Md5};
use bytes::Bytes;
use s3s::S3Result;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How much is added at once: enough that handing it over costs nothing.
const BATCH: usize = 1 << 20;

/// A running MD5.
pub(super) struct Md5Stream {
    hashers: Arc<Hashers>,
    state: State,
    pending: Vec<Bytes>,
    length: usize,
}

enum State {
    Here(Md5),
    Away(oneshot::Receiver<Md5>),
}

impl Md5Stream {
    pub(super) fn new(hashers: Arc<Hashers>) -> Self {
        Self { hashers, state: State::Here(Md5::default()), pending: Vec::new(), length: 0 }
    }

    /// Adds bytes; waits if those before have not been added yet.
    pub(super) async fn push(&mut self, batch: Vec<Bytes>) -> S3Result<()> {
        self.length += batch.iter().map(Bytes::len).sum::<usize>();
        self.pending.extend(batch);
        if self.length < BATCH {
            return Ok(());
        }
        self.hand_over().await
    }

    async fn hand_over(&mut self) -> S3Result<()> {
        let md5 = self.settled().await?;
        self.length = 0;
        let batch = std::mem::take(&mut self.pending);
        self.state = State::Away(self.hashers.submit(md5, batch));
        Ok(())
    }

    async fn settled(&mut self) -> S3Result<Md5> {
        match std::mem::replace(&mut self.state, State::Here(Md5::default())) {
            State::Here(md5) => Ok(md5),
            State::Away(answer) => answer.await.map_err(internal),
        }
    }

    pub(super) async fn finish(mut self) -> S3Result<[u8; 16]> {
        if self.length > 0 {
            self.hand_over().await?;
        }
        Ok(self.settled().await?.finish())
    }
}
