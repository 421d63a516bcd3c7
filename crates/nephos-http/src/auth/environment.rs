//! Variables and the secrets behind them.

use std::sync::Arc;

use super::Applied;
use crate::CallError;

/// Gives the value of an environment variable. Whoever builds a client says where they come from.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// An environment without variables.
pub fn no_environment() -> Environment {
    Arc::new(|_| None)
}

impl Applied<'_> {
    /// The value of a variable; an empty one counts as unset.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// The value of a variable that must be there.
    pub(super) fn require(&self, name: &str) -> Result<String, CallError> {
        self.variable(name).ok_or_else(|| {
            self.fault(format!("environment variable {name} is not set")).hint(format!(
                "set {name}, write it into a file for --env-file, or give other credentials: \
                 --auth '{{\"{}\": {{\"type\": \"{}\", ...}}}}'",
                self.provider,
                self.kind()
            ))
        })
    }

    /// The variable's value where there is one, else the text itself.
    pub(super) fn either(
        &self,
        variable: Option<&str>,
        text: Option<&str>,
    ) -> Result<Option<String>, CallError> {
        match variable {
            Some(name) => self.require(name).map(Some),
            None => Ok(text.map(str::to_owned)),
        }
    }

    /// The secret: of a variable, of a file that a variable names, of a file. `None` where the
    /// auth names none of them.
    pub(super) fn secret(&self) -> Result<Option<String>, CallError> {
        let auth = self.auth;
        if let Some(name) = &auth.credentials_env {
            return Ok(Some(self.require(name)?.trim().to_owned()));
        }
        let path =
            self.either(auth.credentials_file_env.as_deref(), auth.credentials_file.as_deref())?;
        let Some(path) = path else {
            return Ok(None);
        };
        let text = self.read(&path)?;
        if text.is_empty() {
            return Err(self.fault(format!("file {path} is empty")));
        }
        Ok(Some(text))
    }

    /// The secret that must be there.
    pub(super) fn required_secret(&self) -> Result<String, CallError> {
        self.secret()?.ok_or_else(|| {
            self.fault("its auth names no credentials")
                .hint("credentialsenvvar names the variable that holds them")
        })
    }

    /// The text of a small file, without the line end that editors leave.
    pub(super) fn read(&self, path: &str) -> Result<String, CallError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            self.fault(format!("cannot read file {path}: {error}")).source(error)
        })?;
        Ok(text.trim().to_owned())
    }
}
