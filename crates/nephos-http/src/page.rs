//! Rows of a call, page after page.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesOrdered, StreamExt};
use nephos_catalog::PageAlgorithm;
use tokio_util::task::AbortOnDropHandle;

use crate::client::{Client, Paging, RowRequest};
use crate::decode::{DecodedPage, Decoder, Next};
use crate::request::Continuation;
use crate::{Call, CallError, CallErrorKind};

/// Pages asked for ahead at the most. Each holds one answer of at most 1,000 rows.
const MOST_AHEAD: usize = 8;

/// A stream of batches, one a page. It ends when the service says that there is no more.
pub(crate) fn rows(
    client: Arc<Client>,
    request: RowRequest,
) -> BoxStream<'static, Result<RecordBatch, CallError>> {
    let followed = request.paging == Paging::Follow;
    let decoder = Arc::new(Decoder::new(request.call.method.clone(), &request.columns, followed));
    let pages = Pages {
        client,
        call: Arc::new(request.call),
        decoder,
        followed,
        state: State::First,
        seen: HashSet::new(),
        ahead: FuturesOrdered::new(),
        taken: 0,
    };
    futures::stream::unfold(pages, |mut pages| async move {
        let item = match pages.cut_off() {
            Some(error) => Err(error),
            None => pages.next().await?,
        };
        pages.taken += 1;
        if item.is_err() {
            pages.state = State::Done;
        }
        Some((item, pages))
    })
    .boxed()
}

/// The page after a number.
fn at_marker(parameter: &str, marker: u64) -> Continuation {
    let query = vec![(parameter.to_owned(), marker.to_string())];
    Continuation { query, ..Continuation::default() }
}

fn hash(next: &Continuation) -> u64 {
    let mut hasher = DefaultHasher::new();
    next.hash(&mut hasher);
    hasher.finish()
}

enum State {
    First,
    /// The next page is had so.
    Cursor(Continuation),
    /// Pages are asked for ahead: rows up to `last` are out, `asked` is the marker of the last
    /// request under way, `stride` rows make a page, `depth` requests may be under way.
    Ahead {
        parameter: String,
        last: u64,
        asked: u64,
        stride: u64,
        depth: usize,
    },
    Done,
}

struct Pages {
    client: Arc<Client>,
    call: Arc<Call>,
    decoder: Arc<Decoder>,
    followed: bool,
    state: State,
    /// Hashes of the tokens followed so far: a list whose tokens come round again never ends.
    seen: HashSet<u64>,
    ahead: FuturesOrdered<BoxFuture<'static, (u64, Result<DecodedPage, CallError>)>>,
    /// Pages given so far.
    taken: u64,
}

impl Pages {
    async fn next(&mut self) -> Option<Result<RecordBatch, CallError>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Done => None,
            State::First => Some(self.first().await),
            State::Cursor(tokens) => Some(self.cursor(tokens).await),
            State::Ahead { parameter, last, asked, stride, depth } => {
                Some(self.page_ahead(parameter, last, asked, stride, depth).await)
            }
        }
    }

    async fn first(&mut self) -> Result<RecordBatch, CallError> {
        let page = self.fetch(&Continuation::default()).await?;
        if self.followed {
            self.state = self.after_first(&page)?;
        }
        Ok(page.batch)
    }

    fn after_first(&self, page: &DecodedPage) -> Result<State, CallError> {
        let tokens = match &page.next {
            Next::End => return Ok(State::Done),
            Next::Missing => return Err(self.no_token()),
            Next::Tokens(tokens) => tokens.clone(),
        };
        let integer = self
            .call
            .method
            .page
            .as_ref()
            .is_some_and(|page| page.algorithm == PageAlgorithm::IntegerMarker);
        let stride = page.batch.num_rows() as u64;
        match tokens.query.as_slice() {
            [(parameter, token)] if integer && stride > 0 => match token.parse::<u64>() {
                Ok(last) => Ok(State::Ahead {
                    parameter: parameter.clone(),
                    last,
                    asked: last.saturating_sub(stride),
                    stride,
                    depth: 2,
                }),
                Err(_) => Ok(State::Cursor(tokens)),
            },
            _ => Ok(State::Cursor(tokens)),
        }
    }

    async fn cursor(&mut self, tokens: Continuation) -> Result<RecordBatch, CallError> {
        let page = self.fetch(&tokens).await?;
        match &page.next {
            Next::End => {}
            Next::Missing => return Err(self.no_token()),
            Next::Tokens(next) => {
                self.seen.insert(hash(&tokens));
                if self.seen.contains(&hash(next)) {
                    return Err(self.repeated(next));
                }
                self.state = State::Cursor(next.clone());
            }
        }
        Ok(page.batch)
    }

    /// Takes the page that continues at `last`. Markers of later pages are guessed by adding a
    /// page's rows; a guess that the page before it does not confirm is thrown away, with all
    /// behind it, and the rest is read one page at a time: numbers with gaps make pages longer.
    async fn page_ahead(
        &mut self,
        parameter: String,
        last: u64,
        mut asked: u64,
        stride: u64,
        depth: usize,
    ) -> Result<RecordBatch, CallError> {
        let mut tokens = self.call.method.page.iter().flat_map(|page| page.tokens.iter());
        let limit = tokens.find_map(|token| token.maximum).unwrap_or(u64::MAX);
        while self.ahead.len() < depth {
            let marker = if self.ahead.is_empty() { last } else { asked.saturating_add(stride) };
            // The first one is known to be there; others only below the largest number there is.
            if !self.ahead.is_empty() && marker >= limit {
                break;
            }
            asked = marker;
            self.ahead.push_back(self.start(marker, at_marker(&parameter, marker)));
        }
        let Some((marker, page)) = self.ahead.next().await else {
            return Err(self.no_token());
        };
        if marker != last {
            self.ahead = FuturesOrdered::new();
            let page = self.fetch(&at_marker(&parameter, last)).await?;
            return self.advance(page, parameter, last, last, stride, 1);
        }
        self.advance(page?, parameter, last, asked, stride, (depth * 2).min(MOST_AHEAD))
    }

    fn advance(
        &mut self,
        page: DecodedPage,
        parameter: String,
        last: u64,
        asked: u64,
        stride: u64,
        depth: usize,
    ) -> Result<RecordBatch, CallError> {
        match &page.next {
            Next::End => self.ahead = FuturesOrdered::new(),
            Next::Missing => return Err(self.no_token()),
            Next::Tokens(tokens) => {
                let token = tokens.query.first();
                let next = token.and_then(|(_, token)| token.parse::<u64>().ok());
                match next {
                    Some(next) if next > last => {
                        self.state = State::Ahead { parameter, last: next, asked, stride, depth };
                    }
                    _ => return Err(self.repeated(tokens)),
                }
            }
        }
        Ok(page.batch)
    }

    /// Starts a page as a task of its own: it is read and decoded while another is printed.
    /// Dropping the future ends the task.
    fn start(
        &self,
        marker: u64,
        next: Continuation,
    ) -> BoxFuture<'static, (u64, Result<DecodedPage, CallError>)> {
        let (client, call, decoder) =
            (self.client.clone(), self.call.clone(), self.decoder.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            decoder.decode(&client.fetch(&call, &next).await?)
        }));
        Box::pin(async move {
            let page = task.await.unwrap_or_else(|error| {
                Err(CallError::new(CallErrorKind::Answer, "reading a page failed").source(error))
            });
            (marker, page)
        })
    }

    async fn fetch(&mut self, next: &Continuation) -> Result<DecodedPage, CallError> {
        self.decoder.decode(&self.client.fetch(&self.call, next).await?)
    }

    /// Says that there is more than the pages that are wanted at the most.
    fn cut_off(&self) -> Option<CallError> {
        let limit = self.client.page_limit()?;
        if self.taken < limit || !self.followed || matches!(self.state, State::Done) {
            return None;
        }
        let error = CallError::new(
            CallErrorKind::Incomplete,
            format!("{} has more than {limit} pages, the limit that was set", self.call.target),
        );
        Some(error.hint("the rows so far are not the whole result"))
    }

    fn no_token(&self) -> CallError {
        CallError::new(
            CallErrorKind::Incomplete,
            format!("{} says that there is more but gives no token for it", self.call.target),
        )
        .hint("the rows so far are not the whole result")
    }

    fn repeated(&self, next: &Continuation) -> CallError {
        let named = [&next.query, &next.headers, &next.path, &next.body].into_iter().flatten();
        let shown: Vec<String> = named
            .map(|(name, token)| format!("{name}={token}"))
            .chain(next.url.clone())
            .chain(next.cursor.clone())
            .collect();
        CallError::new(
            CallErrorKind::Incomplete,
            format!(
                "{} gives the same page token twice ({}): following it would never end",
                self.call.target,
                shown.join(", ")
            ),
        )
        .hint("the rows so far are not the whole result")
    }
}
