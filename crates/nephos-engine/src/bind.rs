//! Relations of a query to tables over calls.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement as DfStatement;
use futures::{FutureExt, TryStreamExt};
use nephos_catalog::{ColumnOrigin, Method, NameFound, ResourceRef, SqlVerb, snake_case};
use nephos_http::{Argument, Call};
use nephos_sql::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select,
    SelectItem, SetExpr, Spanned, Statement as SqlStatement, TableAlias, TableFactor,
    TableWithJoins, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use nephos_sql::{Exec, exec_index};

use crate::functions;
use crate::held::parsed;
use crate::names::resolve_columns;
use crate::predicate::{Condition, mark, unmark};
use crate::scalar::{shown_type, to_argument};
use crate::session::select_not_supported;
use crate::table::{CallRows, CallTable, Mutation, Source};
use crate::{Error, Outcome, Session};

/// A planned query and the calls in it that change something.
#[derive(Clone)]
pub(crate) struct Planned {
    plan: LogicalPlan,
    mutations: Vec<Arc<Mutation>>,
}

impl Planned {
    /// Rows. Reading them makes the mutations first, in the order in which they stand in the text:
    /// whether one is made must not hang on what the optimizer makes of the query around it.
    pub(crate) async fn stream(self, state: SessionState) -> DfResult<SendableRecordBatchStream> {
        let task = Arc::new(TaskContext::from(&state));
        let plan = DataFrame::new(state, self.plan).create_physical_plan().await?;
        if self.mutations.is_empty() {
            return execute_stream(plan, task);
        }
        let (schema, mutations) = (plan.schema(), self.mutations);
        let rows = async move {
            for mutation in mutations {
                mutation.rows().await?;
            }
            execute_stream(plan, task)
        };
        let rows = rows.into_stream().try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    /// The plan alone; a view makes no call that changes something.
    pub(crate) fn into_plan(self) -> LogicalPlan {
        self.plan
    }

    /// All rows.
    pub(crate) async fn collect(self, state: SessionState) -> DfResult<Vec<RecordBatch>> {
        self.stream(state).await?.try_collect().await
    }
}

/// What a relation is bound to.
enum BoundTo {
    /// The calls, and the conditions that they carry in place of a comparison of the rows.
    Calls(CallTable, Vec<usize>),
    View(Arc<dyn TableProvider>),
}

/// A relation of a query that is not `DataFusion`'s own.
struct Relation {
    /// `provider.service.resource`, or the name that stands for a call.
    name: Vec<String>,
    /// Name under which the query refers to it.
    alias: String,
    /// Name under which the table is registered.
    table: String,
    /// Conditions of the query around it.
    conditions: Vec<Condition>,
    span: datafusion::common::Span,
}

impl Session {
    /// SELECT.
    pub(crate) async fn query(&self, query: Query, execs: &[Exec]) -> Result<Outcome, Error> {
        Ok(Outcome::Rows(self.stream(query, execs).await?))
    }

    /// Rows of a query.
    pub(crate) async fn stream(
        &self,
        query: Query,
        execs: &[Exec],
    ) -> Result<SendableRecordBatchStream, Error> {
        let planned = self.plan(query, execs).await?;
        Ok(planned.stream(self.context().state()).await?)
    }

    /// Plans a query. No call is made.
    pub(crate) async fn plan(&self, query: Query, execs: &[Exec]) -> Result<Planned, Error> {
        self.plan_within(query, execs, &[]).await
    }

    /// Plans a query that stands in the views `within`.
    pub(crate) async fn plan_within(
        &self,
        mut query: Query,
        execs: &[Exec],
        within: &[String],
    ) -> Result<Planned, Error> {
        let mut columns = functions::normalize(&mut query);
        let mut relations = Relations { session: self, found: Vec::new(), marks: 0 };
        let _ = VisitMut::visit(&mut query, &mut relations);
        let found = relations.found;
        let mut tables = Vec::new();
        let mut qualifiers = Vec::new();
        let mut mutations = Vec::new();
        let mut carried = BTreeSet::new();
        for relation in &found {
            let bound = self.bind(relation, execs, within).await;
            let bound = match bound.map_err(|e| e.lines(relation.span))? {
                BoundTo::Calls(calls, conditions) => {
                    carried.extend(conditions);
                    mutations.extend(calls.calls.iter().filter_map(|rows| rows.mutation.clone()));
                    Arc::new(calls) as Arc<dyn TableProvider>
                }
                BoundTo::View(view) => view,
            };
            columns.extend(bound.schema().fields().iter().map(|field| field.name().clone()));
            qualifiers.push((relation.name.clone(), relation.alias.clone()));
            tables.push((relation.table.clone(), bound));
        }
        unmark(&mut query, &carried);
        resolve_columns(&mut query, &columns, &qualifiers);
        let lateral = functions::lift(&mut query, || self.table_name());
        tables.extend(lateral.iter().map(|f| (f.table.clone(), functions::placeholder(f))));
        let context = self.context();
        for (name, table) in &tables {
            context.register_table(quoted(name), table.clone())?;
        }
        let statement = DfStatement::Statement(Box::new(SqlStatement::Query(Box::new(query))));
        let state = context.state();
        let plan = state.statement_to_plan(statement).await;
        for (name, _) in &tables {
            context.deregister_table(quoted(name))?;
        }
        let plan = plan.and_then(|plan| functions::expand(plan, &lateral, &state));
        Ok(Planned { plan: plan.map_err(|error| explained(error.into()))?, mutations })
    }

    async fn bind(
        &self,
        relation: &Relation,
        execs: &[Exec],
        within: &[String],
    ) -> Result<BoundTo, Error> {
        if let [name] = relation.name.as_slice()
            && let Some(exec) = exec_index(name).and_then(|index| execs.get(index))
        {
            let calls = Box::pin(self.exec_table(exec, execs)).await?;
            return Ok(BoundTo::Calls(calls, Vec::new()));
        }
        let parts: Vec<&str> = relation.name.iter().map(String::as_str).collect();
        let resource = self.resource(&parts)?;
        let mut given: Vec<(String, Vec<ScalarValue>)> = Vec::new();
        let mut computed: Vec<String> = Vec::new();
        let mut marks: Vec<(String, usize)> = Vec::new();
        for condition in &relation.conditions {
            let Some((name, prefix)) = condition.column.split_last() else { continue };
            let mine = prefix.is_empty()
                || prefix == relation.name.as_slice()
                || matches!(prefix, [alias] if alias.eq_ignore_ascii_case(&relation.alias));
            if !mine || given.iter().any(|(other, _)| other == name) {
                continue;
            }
            match self.constants(&condition.values).await? {
                Some(values) => {
                    marks.extend(condition.mark.map(|mark| (name.clone(), mark)));
                    given.push((name.clone(), values));
                }
                None => computed.push(name.clone()),
            }
        }
        if !resource.resource.views.is_empty() {
            let view = Box::pin(self.view_table(&resource, &given, &computed, within)).await;
            return view.map(BoundTo::View);
        }
        let methods = resource.resource.methods_for(SqlVerb::Select);
        if methods.is_empty() {
            return Err(select_not_supported(&resource));
        }
        let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        let method = choose(&methods, &names)
            .ok_or_else(|| no_method(&resource, "SELECT", &methods, &names, &computed))?;
        let (calls, carried) = self.select_table(&resource, method, &given)?;
        marks.retain(|(name, _)| carried.contains(name));
        Ok(BoundTo::Calls(calls, marks.into_iter().map(|(_, mark)| mark).collect()))
    }

    /// The table of a method with the parameters that conditions give it, and the names of those
    /// that rows have as columns of their own. The service compared them in its own way
    /// (`state = 'all'`, names in other case): comparing the rows again would lose some.
    fn select_table(
        &self,
        resource: &ResourceRef,
        method: &Method,
        given: &[(String, Vec<ScalarValue>)],
    ) -> Result<(CallTable, Vec<String>), Error> {
        let columns = method.response.columns.clone();
        let paged = method.page.is_some();
        let shown: Vec<usize> = columns
            .iter()
            .enumerate()
            // Fields around the rows of a paged list say where a page ends: nothing of the rows.
            .filter(|(_, column)| !(paged && column.origin == ColumnOrigin::Envelope))
            .map(|(index, _)| index)
            .collect();
        let required = method.required_params();
        let mut bound: Vec<Bound> = Vec::new();
        let mut carried = Vec::new();
        let snake = resource.provider.snake_case;
        let echoed = |name: &str| if snake { snake_case(name) } else { name.to_owned() };
        // In snake case spellings that differ on the wire are one name.
        let same = |wire: &str, param: &str| {
            wire == param || snake && snake_case(wire) == snake_case(param)
        };
        let shown_as = |param: &str| {
            shown.iter().any(|index| {
                let column = &columns[*index];
                column.name == param
                    || column.origin == ColumnOrigin::Row && same(&column.wire, param)
            })
        };
        for (name, values) in given {
            let NameFound::One(param) = method.lookup(name) else { continue };
            // A name that is a column of the rows as written is a filter, unless the call needs it,
            // or the column is that parameter in snake case.
            let is_column = shown.iter().any(|index| {
                let column = &columns[*index];
                column.name == *name
                    && column.origin == ColumnOrigin::Row
                    && !same(&column.wire, &param)
            });
            if is_column && param != *name && !required.contains(&param) {
                continue;
            }
            if bound.iter().any(|(other, _)| *other == param) {
                continue;
            }
            let values = values.iter().map(to_argument).collect::<Result<Vec<_>, _>>()?;
            if shown_as(&param) {
                carried.push(name.clone());
            }
            bound.push((param, values));
        }
        let (names, params): (Vec<String>, Vec<(String, DataType)>) = bound
            .iter()
            .filter(|(name, _)| !shown_as(name))
            .map(|(name, values)| {
                (name.clone(), (echoed(name), shown_type(values.iter().flatten())))
            })
            .unzip();
        let mut calls = Vec::new();
        for combination in combinations(&bound)? {
            let args: Vec<(String, Argument)> = combination
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
                .collect();
            // `= NULL` is never true: there is nothing to ask for.
            if args.len() < combination.len() {
                continue;
            }
            let values = names
                .iter()
                .map(|name| {
                    let given = args.iter().find(|(n, _)| n == name);
                    given.map(|(_, value)| value.text.clone()).unwrap_or_default()
                })
                .collect();
            let call = Call::new(resource, method, args, None)?;
            calls.push(CallRows {
                source: Arc::new(Source::Call(Box::new(call))),
                params: values,
                follow: true,
                mutation: None,
            });
        }
        Ok((CallTable { client: self.client.clone(), columns, shown, params, calls }, carried))
    }

    /// Values of constant expressions; `None` when one of them is not constant.
    pub(crate) async fn constants(
        &self,
        exprs: &[Expr],
    ) -> Result<Option<Vec<ScalarValue>>, Error> {
        let mut values = Vec::with_capacity(exprs.len());
        for expr in exprs {
            match literal(expr) {
                Some(value) => values.push(value),
                None if is_constant(expr) => {
                    values.extend(self.evaluate(vec![expr.clone()], &[]).await?);
                }
                None => return Ok(None),
            }
        }
        Ok(Some(values))
    }

    /// Values of expressions that may hold subqueries and calls.
    pub(crate) async fn scalars(
        &self,
        exprs: &[Expr],
        execs: &[Exec],
    ) -> Result<Vec<ScalarValue>, Error> {
        if let Some(values) = exprs.iter().map(literal).collect::<Option<Vec<_>>>() {
            return Ok(values);
        }
        self.evaluate(exprs.to_vec(), execs).await
    }

    async fn evaluate(&self, exprs: Vec<Expr>, execs: &[Exec]) -> Result<Vec<ScalarValue>, Error> {
        let planned = Box::pin(self.plan(row_query(exprs)?, execs)).await?;
        Ok(one_row(&planned.collect(self.context().state()).await?)?)
    }
}

/// The values of the one row of a result.
pub(crate) fn one_row(batches: &[RecordBatch]) -> DfResult<Vec<ScalarValue>> {
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return datafusion::common::exec_err!("an expression gave no value");
    };
    batch.columns().iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
}

/// `SELECT expr, expr, ..`.
pub(crate) fn row_query(exprs: Vec<Expr>) -> Result<Query, Error> {
    let mut query = parsed("SELECT 1")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = exprs
            .into_iter()
            .enumerate()
            .map(|(index, expr)| SelectItem::ExprWithAlias {
                expr,
                alias: Ident::with_quote('"', format!("v{index}")),
            })
            .collect();
    }
    Ok(query)
}

/// The first method in document order whose required parameters are all given.
pub(crate) fn choose<'a>(methods: &[&'a Method], names: &[&str]) -> Option<&'a Method> {
    methods.iter().copied().find(|method| missing(method, names).is_empty())
}

fn missing(method: &Method, names: &[&str]) -> Vec<String> {
    let given: Vec<String> = names
        .iter()
        .filter_map(|name| match method.lookup(name) {
            NameFound::One(found) => Some(found),
            _ => None,
        })
        .collect();
    method.required_params().into_iter().filter(|name| !given.contains(name)).collect()
}

/// Says what each method still lacks.
pub(crate) fn no_method(
    resource: &ResourceRef,
    verb: &str,
    methods: &[&Method],
    names: &[&str],
    computed: &[String],
) -> Error {
    let table = resource.full_name();
    let lacks: Vec<(String, String)> = methods
        .iter()
        .map(|method| (method.name.clone(), missing(method, names).join(", ")))
        .collect();
    let message = match lacks.as_slice() {
        [(method, names)] => {
            let plural = if names.contains(',') { "s" } else { "" };
            format!("missing required parameter{plural} {names} for {verb} on {table} ({method})")
        }
        _ => {
            let all: Vec<String> =
                lacks.iter().map(|(method, names)| format!("{method} lacks {names}")).collect();
            format!(
                "no method for {verb} on {table} has all its required parameters: {}",
                all.join("; ")
            )
        }
    };
    let mut error = Error::plan(message).hint(format!("SHOW METHODS IN {table}"));
    if !computed.is_empty() {
        error = error.hint(format!(
            "{} is compared with something that is not a constant; SET VARIABLE x = (SELECT ..) \
             and getvariable('x') carry a value over",
            computed.join(", ")
        ));
    }
    error
}

/// One statement makes no more calls than this by its IN lists.
const MOST_CALLS: usize = 10_000;

/// A parameter and the values that it is compared with; `None` is NULL.
pub(crate) type Bound = (String, Vec<Option<Argument>>);

/// A value for each parameter; `None` is NULL.
type Combination = Vec<(String, Option<Argument>)>;

/// Every combination of one value for each parameter.
pub(crate) fn combinations(bound: &[Bound]) -> Result<Vec<Combination>, Error> {
    let mut all: Vec<Combination> = vec![Vec::new()];
    for (name, values) in bound {
        let distinct: BTreeSet<&Option<Argument>> = values.iter().collect();
        let count = all.len().saturating_mul(distinct.len());
        if count > MOST_CALLS {
            return Err(Error::plan(format!(
                "the IN lists of this statement would make {count} calls, more than {MOST_CALLS}"
            ))
            .hint("split the lists over several statements"));
        }
        let mut ordered: Vec<&Option<Argument>> = Vec::new();
        let mut seen = BTreeSet::new();
        ordered.extend(values.iter().filter(|value| seen.insert(*value)));
        all = all
            .into_iter()
            .flat_map(|row| {
                ordered.iter().map(move |value| {
                    let mut row = row.clone();
                    row.push((name.clone(), (*value).clone()));
                    row
                })
            })
            .collect::<Vec<_>>();
    }
    Ok(all)
}

/// The value of a literal.
pub(crate) fn literal(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(ScalarValue::from(text.as_str())),
            Value::Boolean(truth) => Some(ScalarValue::from(*truth)),
            Value::Null => Some(ScalarValue::Utf8(None)),
            Value::Number(digits, _) => digits.parse::<i64>().ok().map(ScalarValue::from),
            _ => None,
        },
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

/// Whether an expression refers to nothing outside itself.
fn is_constant(expr: &Expr) -> bool {
    struct Refers;
    impl Visitor for Refers {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    Visit::visit(expr, &mut Refers).is_continue()
}

/// Collects relations and gives each a table name of its own.
struct Relations<'a> {
    session: &'a Session,
    found: Vec<Relation>,
    /// Conditions marked so far.
    marks: usize,
}

impl VisitorMut for Relations<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut conditions = Vec::new();
        if let Some(selection) = &mut select.selection {
            conditions.extend(mark(selection, &mut self.marks));
        }
        // What an inner join is made on holds for every row that comes out, as WHERE does.
        for join in select.from.iter_mut().flat_map(|table| table.joins.iter_mut()) {
            if let JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on)) = &mut join.join_operator
            {
                conditions.extend(mark(on, &mut self.marks));
            }
        }
        // `key = 'x'` beside `json_each` means its column and no parameter.
        let factors = select.from.iter().flat_map(|table| {
            std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation))
        });
        let lateral: Vec<String> = factors.filter_map(functions::column_names).flatten().collect();
        conditions.retain(|c| !matches!(c.column.as_slice(), [name] if lateral.contains(name)));
        for table in &mut select.from {
            self.table(table, &conditions);
        }
        ControlFlow::Continue(())
    }
}

impl Relations<'_> {
    fn table(&mut self, table: &mut TableWithJoins, around: &[Condition]) {
        let inner = |join: &JoinOperator| {
            matches!(
                join,
                JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_)
            )
        };
        let left = |join: &JoinOperator| {
            matches!(join, JoinOperator::Left(_) | JoinOperator::LeftOuter(_))
        };
        // Where an outer join may add a row of NULLs, WHERE has to look at it.
        let staying: Vec<Condition> =
            around.iter().cloned().map(|c| Condition { mark: None, ..c }).collect();
        let kept = table.joins.iter().all(|j| inner(&j.join_operator) || left(&j.join_operator));
        self.factor(&mut table.relation, if kept { around } else { &staying });
        for join in &mut table.joins {
            // What a left join is made on says nothing of the rows that it keeps; it may carry
            // parameters of the relation on its right, and of that one only.
            let plain = kept && inner(&join.join_operator);
            let mut own = if plain { around.to_vec() } else { staying.clone() };
            if let JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on)) = &mut join.join_operator
            {
                own.extend(mark(on, &mut self.marks));
            }
            self.factor(&mut join.relation, &own);
        }
    }

    fn factor(&mut self, factor: &mut TableFactor, conditions: &[Condition]) {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts: Vec<String> = name
                    .0
                    .iter()
                    .filter_map(|part| part.as_ident().map(|ident| ident.value.clone()))
                    .collect();
                let ours = parts.len() == 3
                    || matches!(parts.as_slice(), [only] if exec_index(only).is_some());
                if !ours {
                    return;
                }
                let span = name.span();
                let span =
                    datafusion::common::Span::try_from_sqlparser_span(span).unwrap_or_else(|| {
                        datafusion::common::Span::new(
                            datafusion::common::Location { line: 0, column: 0 },
                            datafusion::common::Location { line: 0, column: 0 },
                        )
                    });
                let table = self.session.table_name();
                let shown = match alias {
                    Some(alias) => alias.name.value.clone(),
                    None => parts.last().cloned().unwrap_or_default(),
                };
                if alias.is_none() {
                    *alias = Some(TableAlias {
                        explicit: true,
                        name: Ident::with_quote('"', shown.clone()),
                        columns: Vec::new(),
                        at: None,
                    });
                }
                *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote(
                    '"',
                    table.clone(),
                ))]);
                self.found.push(Relation {
                    name: parts,
                    alias: shown,
                    table,
                    conditions: conditions.to_vec(),
                    span,
                });
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.table(table_with_joins, conditions);
            }
            _ => {}
        }
    }
}

fn quoted(name: &str) -> datafusion::common::TableReference {
    datafusion::common::TableReference::bare(name.to_owned())
}

/// Messages of `DataFusion` in the words of this house.
fn explained(mut error: Error) -> Error {
    // It looks for unknown tables in a catalog of its own, which means nothing to users.
    if let Some(rest) = error.message.strip_prefix("table 'datafusion.") {
        let rest = rest.strip_prefix("public.").unwrap_or(rest);
        let name = rest.split('\'').next().unwrap_or_default();
        error.message = format!("table {name} does not exist");
        return error.hint("tables are named provider.service.resource, such as aws.s3.buckets");
    }
    if error.message.contains("Ambiguous reference") {
        return error.hint("write it with the table's alias, once for each table: a.bucket = 'x' AND b.bucket = 'x'");
    }
    error
}
