//! A live line on long work.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use nephos_http::Traffic;
use tokio::task::JoinHandle;

/// Shorter work shows nothing: a line that flashes is worse than none.
const QUIET_FOR: Duration = Duration::from_millis(700);
const TICK: Duration = Duration::from_millis(100);

/// Shows calls and bytes on stderr while it lives; nothing where stderr is not a terminal.
pub(crate) struct Progress {
    task: Option<JoinHandle<()>>,
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn start(traffic: &Arc<Traffic>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { task: None, bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        let (line, traffic) = (bar.clone(), traffic.clone());
        let before = (traffic.calls(), traffic.sent(), traffic.received());
        let begun = Instant::now();
        let task = tokio::spawn(async move {
            tokio::time::sleep(QUIET_FOR).await;
            loop {
                let calls = traffic.calls() - before.0;
                let (sent, received) = (traffic.sent() - before.1, traffic.received() - before.2);
                let seconds = begun.elapsed().as_secs_f64();
                line.set_message(message(calls, sent, received, seconds));
                line.tick();
                tokio::time::sleep(TICK).await;
            }
        });
        Self { task: Some(task), bar }
    }

    /// Does something that prints, with the line out of the way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.bar.finish_and_clear();
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn message(calls: u64, sent: u64, received: u64, seconds: f64) -> String {
    let rate = HumanBytes(((sent + received) as f64 / seconds.max(0.001)) as u64);
    let plural = if calls == 1 { "call" } else { "calls" };
    format!(
        "{calls} {plural}, {} sent, {} received, {rate}/s, {seconds:.0} s",
        HumanBytes(sent),
        HumanBytes(received)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_moves() {
        let line = message(1, 3 << 20, 0, 1.5);
        assert_eq!(line, "1 call, 3.00 MiB sent, 0 B received, 2.00 MiB/s, 2 s");
    }
}
