//! A session: catalog, client, variables, and the planner that statements share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::{SessionConfig, SessionContext};
use nephos_catalog::{Catalog, ResourceRef};
use nephos_http::Client;
use nephos_sql::{Name, Statement, StatementKind};

use crate::functions::{self, JsonTypes};
use crate::variables::{GetVariable, Variables};
use crate::{Error, ErrorKind, Outcome, Registry};

/// Runs statements. Cheap to make: the SQL engine starts with the first statement that needs it.
pub struct Session {
    /// Replaced when a provider was installed; statements that run keep the one they began with.
    catalog: RwLock<Arc<Catalog>>,
    pub(crate) registry: Option<Registry>,
    pub(crate) client: Arc<Client>,
    pub(crate) variables: Arc<Variables>,
    context: OnceLock<SessionContext>,
    tables: AtomicUsize,
}

impl Session {
    /// A session over a catalog, whose calls go through `client`.
    pub fn new(catalog: Arc<Catalog>, client: Arc<Client>) -> Self {
        Self {
            catalog: RwLock::new(catalog),
            registry: None,
            client,
            variables: Arc::default(),
            context: OnceLock::new(),
            tables: AtomicUsize::new(0),
        }
    }

    /// What REGISTRY statements need; without it they are refused.
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// What can be named now.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace_catalog(&self, catalog: Catalog) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }

    /// The client through which calls go.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Plans a statement and returns its answer; calls are made as the answer is read, except for
    /// INSERT, UPDATE, REPLACE, DELETE, SET VARIABLE and REGISTRY, which are done when this returns.
    pub async fn run(&self, statement: &Statement) -> Result<Outcome, Error> {
        let execs = &statement.execs;
        let result = match &statement.kind {
            StatementKind::Show { target, within, extended, filter } => {
                self.show(*target, within, *extended, filter.as_ref()).await
            }
            StatementKind::Describe { name, extended } => self.describe(name, *extended).await,
            StatementKind::DescribeMethod { name, extended } => {
                self.describe_method(name, *extended)
            }
            StatementKind::Exec(exec) => self.exec(exec, execs).await.map(Outcome::Rows),
            StatementKind::SetVariable { name, value } => {
                let values = self.scalars(std::slice::from_ref(value.as_ref()), execs).await?;
                for value in values {
                    self.variables.set(name, value);
                }
                Ok(Outcome::Done(format!("variable {name} set")))
            }
            StatementKind::Registry(command) => self.run_registry(command).await,
            StatementKind::Query(query) => self.query(query.as_ref().clone(), execs).await,
            StatementKind::Insert(insert) => Box::pin(self.insert(insert, execs)).await,
            StatementKind::Delete(delete) => self.delete(delete).await,
            StatementKind::Update { update, replace } => self.update(update, *replace).await,
        };
        result.map_err(|error| match error.kind {
            ErrorKind::Plan | ErrorKind::Name => error.at(statement.span.clone()),
            // What a service or the network says is not about the text.
            _ => error,
        })
    }

    /// The SQL engine, started on first use.
    pub(crate) fn context(&self) -> &SessionContext {
        self.context.get_or_init(|| {
            let mut config = SessionConfig::new();
            let options = config.options_mut();
            // Documents mix cases (`Key`, `bucket`); names are resolved by `names` instead.
            options.sql_parser.enable_ident_normalization = false;
            options.sql_parser.collect_spans = true;
            // Rows keep the order in which the service gives them.
            options.optimizer.enable_round_robin_repartition = false;
            let mut state = SessionStateBuilder::new()
                .with_config(config)
                .with_default_features()
                .with_type_planner(Arc::new(JsonTypes))
                .build();
            // Fails only for registries that take no functions.
            let _ = functions::register(&mut state);
            let context = SessionContext::new_with_state(state);
            context.register_udf(ScalarUDF::from(GetVariable::new(self.variables.clone())));
            context
        })
    }

    /// A table name that no other statement uses.
    pub(crate) fn table_name(&self) -> String {
        format!("$t{}", self.tables.fetch_add(1, Ordering::Relaxed))
    }

    /// The resource that three parts name.
    pub(crate) fn resource(&self, parts: &[&str]) -> Result<ResourceRef, Error> {
        let [provider, service, resource] = parts else {
            return Err(Error::plan(format!(
                "{} is not a table: tables are named provider.service.resource",
                parts.join(".")
            ))
            .hint("SHOW PROVIDERS"));
        };
        Ok(self.catalog().resource(provider, service, resource)?)
    }

    /// The resource of a name in a statement.
    pub(crate) fn resource_of(&self, name: &Name) -> Result<ResourceRef, Error> {
        self.resource(&name.texts()).map_err(|error| error.at(name.span()))
    }
}

/// What SELECT and DESCRIBE say on a resource that has no method for them.
pub(crate) fn select_not_supported(resource: &ResourceRef) -> Error {
    Error::plan(
        "SELECT not supported for this resource, use SHOW METHODS to view available operations \
         for the resource and then invoke a supported method using the EXEC command",
    )
    .hint(format!("SHOW METHODS IN {}", resource.full_name()))
}
