//! Programs of vendors that know a user's login.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::Applied;

/// A login that takes longer waits for a user who is not there.
const LONGEST_RUN: Duration = Duration::from_secs(30);
/// Variables of `--env-file` that the programs look at, too.
const PASSED_ON: [&str; 5] =
    ["PATH", "HOME", "AZURE_CONFIG_DIR", "CLOUDSDK_CONFIG", "CLOUDSDK_ACTIVE_CONFIG_NAME"];

impl Applied<'_> {
    /// What a program prints. The error is one line that says why there is nothing.
    pub(super) async fn run(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let path = self.variable("PATH").unwrap_or_default();
        let program = find(name, &path).ok_or_else(|| format!("{name} is not installed"))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        for name in PASSED_ON {
            if let Some(value) = self.variable(name) {
                command.env(name, value);
            }
        }
        let output = tokio::time::timeout(LONGEST_RUN, command.output())
            .await
            .map_err(|_| format!("{name} did not end in {} s", LONGEST_RUN.as_secs()))?
            .map_err(|error| format!("{name} cannot be run: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().map(str::trim).find(|line| !line.is_empty());
            return Err(format!("{name} failed: {}", line.unwrap_or("it does not say why")));
        }
        String::from_utf8(output.stdout).map_err(|_| format!("{name} printed no text"))
    }
}

/// The first file of this name in the folders of `PATH`.
fn find(name: &str, path: &str) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) { &[".cmd", ".exe"] } else { &[""] };
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| endings.iter().map(move |end| folder.join(format!("{name}{end}"))))
        .find(|file| Path::is_file(file))
}
