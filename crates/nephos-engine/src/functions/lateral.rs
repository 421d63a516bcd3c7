//! Table functions whose arguments are columns of the relations before them:
//! `FROM t, json_each(t.tags) e`.
//!
//! They are planned as tables of their own, each a join with what stands before it, and the joins
//! are then replaced: the function's list is computed on the rows of the left side and unnested.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Fields, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{
    Column, NullHandling, Result, ScalarValue, UnnestOptions, plan_datafusion_err, plan_err,
};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SessionState;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{
    Expr as Planned, Filter, Join as PlannedJoin, JoinType, LogicalPlan, LogicalPlanBuilder,
    Projection, Unnest,
};
use nephos_sql::ast::{
    Expr, ExprWithAlias, FunctionArg, FunctionArgExpr, Ident, Join, JoinConstraint, JoinOperator,
    ObjectName, ObjectNamePart, Query, Select, TableAlias, TableFactor, TableFunctionArgs,
    TableWithJoins, VisitMut, VisitorMut,
};

use super::each::Each;
use super::object::embed_values;

/// A table function that was taken out of a query.
pub(crate) struct TableFunction {
    /// The table that stands for it.
    pub(crate) table: String,
    each: Each,
    args: Vec<Expr>,
    /// Its columns, as the query calls them.
    columns: Vec<String>,
}

/// The table that stands for a function until [`expand`] has replaced it.
pub(crate) fn placeholder(function: &TableFunction) -> Arc<dyn TableProvider> {
    let fields: Fields = function
        .columns
        .iter()
        .zip(function.each.fields().iter())
        .map(|(name, field)| Field::new(name, field.data_type().clone(), true))
        .collect();
    Arc::new(EmptyTable::new(Arc::new(Schema::new(fields))))
}

/// Brings functions into the form that is planned: those that are tables with an alias and behind
/// what they may read. Returns the names of all columns of these.
pub(crate) fn normalize(query: &mut Query) -> Vec<String> {
    let mut columns = Columns(Vec::new());
    let _ = VisitMut::visit(query, &mut columns);
    columns.0
}

struct Columns(Vec<String>);

impl VisitorMut for Columns {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        chain(&mut select.from);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        uniform(factor);
        if let TableFactor::Table { name, alias, .. } = factor
            && function_of(name).is_some()
            && alias.is_none()
        {
            let word = name.to_string().to_ascii_lowercase();
            *alias = Some(TableAlias {
                explicit: true,
                name: Ident::with_quote('"', word),
                columns: Vec::new(),
                at: None,
            });
        }
        self.0.extend(column_names(factor).unwrap_or_default());
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(call) = expr {
            embed_values(call);
        }
        ControlFlow::Continue(())
    }
}

/// `LATERAL f(x)` as `f(x)`: every table function here reads what stands before it.
fn uniform(factor: &mut TableFactor) {
    if let TableFactor::Function { name, args, alias, with_ordinality: false, .. } = factor
        && function_of(name).is_some()
    {
        *factor = TableFactor::Table {
            name: name.clone(),
            alias: alias.take(),
            args: Some(TableFunctionArgs { args: std::mem::take(args), settings: None }),
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        };
    }
}

/// The columns of a relation, where it is a table function.
pub(crate) fn column_names(factor: &TableFactor) -> Option<Vec<String>> {
    let TableFactor::Table { name, alias, args: Some(_), .. } = factor else { return None };
    let each = function_of(name)?;
    let renamed = alias.iter().flat_map(|alias| alias.columns.iter().map(|c| &c.name.value));
    let mut columns: Vec<String> = each.columns().iter().map(|name| (*name).to_owned()).collect();
    for (column, name) in columns.iter_mut().zip(renamed) {
        column.clone_from(name);
    }
    Some(columns)
}

fn function_of(name: &ObjectName) -> Option<Each> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Each::named(&ident.value),
        _ => None,
    }
}

fn is_function(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
            function_of(name).is_some()
        }
        _ => false,
    }
}

/// Makes one chain of joins of `a, b JOIN f(a.x) e`, so that the function stands behind `a` too.
fn chain(from: &mut Vec<TableWithJoins>) {
    let reads = |table: &TableWithJoins| {
        !table.joins.is_empty()
            && (is_function(&table.relation)
                || table.joins.iter().any(|join| is_function(&join.relation)))
    };
    if !from.iter().skip(1).any(reads) {
        return;
    }
    let mut tables = std::mem::take(from).into_iter();
    let Some(mut first) = tables.next() else { return };
    let cross = |relation| Join {
        relation,
        global: false,
        join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
    };
    for table in tables {
        if reads(&table) && table.joins.iter().all(|join| is_left_deep(&join.join_operator)) {
            first.joins.push(cross(table.relation));
            first.joins.extend(table.joins);
        } else if table.joins.is_empty() {
            first.joins.push(cross(table.relation));
        } else {
            let nested = TableFactor::NestedJoin { table_with_joins: Box::new(table), alias: None };
            first.joins.push(cross(nested));
        }
    }
    from.push(first);
}

/// Whether `a × (b JOIN c)` is `(a × b) JOIN c`.
fn is_left_deep(join: &JoinOperator) -> bool {
    match join {
        JoinOperator::CrossJoin(_) => true,
        JoinOperator::Join(on)
        | JoinOperator::Inner(on)
        | JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on) => {
            matches!(on, JoinConstraint::On(_) | JoinConstraint::None)
        }
        _ => false,
    }
}

/// Takes the table functions out of a query and leaves tables; `name` gives each a name.
pub(crate) fn lift(query: &mut Query, name: impl FnMut() -> String) -> Vec<TableFunction> {
    let mut lift = Lift { name, found: Vec::new(), values: Vec::new() };
    let _ = VisitMut::visit(query, &mut lift);
    if !lift.values.is_empty() {
        let mut whole = WholeRows(&lift.values);
        let _ = VisitMut::visit(query, &mut whole);
        for function in &mut lift.found {
            for arg in &mut function.args {
                let _ = VisitMut::visit(arg, &mut whole);
            }
        }
    }
    lift.found
}

struct Lift<F> {
    name: F,
    found: Vec<TableFunction>,
    /// Alias and column of functions that have but one.
    values: Vec<(String, String)>,
}

impl<F: FnMut() -> String> VisitorMut for Lift<F> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let Some(columns) = column_names(factor) else { return ControlFlow::Continue(()) };
        let TableFactor::Table { name, alias: Some(alias), args, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(each) = function_of(name) else { return ControlFlow::Continue(()) };
        alias.columns.clear();
        if let [only] = columns.as_slice() {
            self.values.push((alias.name.value.clone(), only.clone()));
        }
        let args = args.take().map(|args| args.args).unwrap_or_default();
        let args = args
            .into_iter()
            .filter_map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect();
        let table = (self.name)();
        *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', &table))]);
        self.found.push(TableFunction { table, each, args, columns });
        ControlFlow::Continue(())
    }
}

/// `elem ->> 'x'` for `elem.value ->> 'x'`, where `elem` is a function of one column.
struct WholeRows<'a>(&'a [(String, String)]);

impl VisitorMut for WholeRows<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && let Some((alias, column)) = self.0.iter().find(|(alias, _)| *alias == ident.value)
        {
            *expr = Expr::CompoundIdentifier(vec![
                Ident::with_quote('"', alias),
                Ident::with_quote('"', column),
            ]);
        }
        ControlFlow::Continue(())
    }
}

/// Replaces the tables that stand for functions by what the functions do.
pub(crate) fn expand(
    plan: LogicalPlan,
    functions: &[TableFunction],
    state: &SessionState,
) -> Result<LogicalPlan> {
    if functions.is_empty() {
        return Ok(plan);
    }
    let plan = plan.transform_down_with_subqueries(|node| match node {
        LogicalPlan::Join(join) => match stands_for(&join.right, functions) {
            Some((alias, function)) => Ok(Transformed::yes(joined(join, &alias, function, state)?)),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        node => match stands_for(&node, functions) {
            Some((alias, function)) => {
                let one_row = LogicalPlanBuilder::empty(true).build()?;
                Ok(Transformed::yes(unnested(one_row, &alias, function, false, state)?))
            }
            None => Ok(Transformed::no(node)),
        },
    })?;
    // Fields of the new nodes may not be as nullable as those of the old ones.
    plan.data
        .transform_up_with_subqueries(|node| node.recompute_schema().map(Transformed::yes))
        .map(|plan| plan.data)
}

/// The function that a relation stands for, and what the query calls it.
fn stands_for<'a>(
    plan: &LogicalPlan,
    functions: &'a [TableFunction],
) -> Option<(TableReference, &'a TableFunction)> {
    let (alias, scan) = match plan {
        LogicalPlan::SubqueryAlias(alias) => (alias.alias.clone(), alias.input.as_ref()),
        other => (TableReference::bare(""), other),
    };
    let LogicalPlan::TableScan(scan) = scan else { return None };
    let function = functions.iter().find(|f| f.table == scan.table_name.table())?;
    Some((alias, function))
}

fn joined(
    join: PlannedJoin,
    alias: &TableReference,
    function: &TableFunction,
    state: &SessionState,
) -> Result<LogicalPlan> {
    let condition = join
        .on
        .into_iter()
        .map(|(left, right)| left.eq(right))
        .chain(join.filter)
        .filter(|condition| {
            !matches!(condition, Planned::Literal(ScalarValue::Boolean(Some(true)), _))
        })
        .reduce(Planned::and);
    let keeps = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left if condition.is_none() => true,
        JoinType::Left => {
            return plan_err!(
                "a LEFT JOIN with a table function takes ON true; other conditions belong in WHERE \
                 or in a CASE"
            );
        }
        other => return plan_err!("a table function cannot be on the right of a {other} join"),
    };
    let left = Arc::unwrap_or_clone(join.left);
    let plan = unnested(left, alias, function, keeps, state)?;
    match condition {
        Some(condition) => Ok(LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?)),
        None => Ok(plan),
    }
}

/// The rows of `left`, each as often as the function gives rows for it, with these beside it.
fn unnested(
    left: LogicalPlan,
    alias: &TableReference,
    function: &TableFunction,
    keeps: bool,
    state: &SessionState,
) -> Result<LogicalPlan> {
    let mut args = Vec::new();
    for expr in &function.args {
        let expr = ExprWithAlias { expr: expr.clone(), alias: None };
        let planned = state.create_logical_expr_from_sql_expr(expr, left.schema());
        args.push(planned.map_err(|error| {
            plan_datafusion_err!(
                "{alias} reads the relations before it in the same FROM, and there: {}",
                error.strip_backtrace()
            )
        })?);
    }
    let columns: Vec<Planned> = left.schema().columns().into_iter().map(Planned::Column).collect();
    let list = Column::new_unqualified(&function.table);
    let mut with_list = columns.clone();
    with_list.push(function.each.list().call(args).alias(&function.table));
    let listed = Projection::try_new(with_list, Arc::new(left))?;
    let null_handling =
        if keeps { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
    let options = UnnestOptions { null_handling, ..UnnestOptions::default() };
    let rows =
        Unnest::try_new(Arc::new(LogicalPlan::Projection(listed)), vec![list.clone()], options)?;
    let mut out = columns;
    for (name, field) in function.columns.iter().zip(function.each.columns()) {
        let cell = get_field(Planned::Column(list.clone()), *field);
        out.push(cell.alias_qualified(Some(alias.clone()), name));
    }
    let rows = Arc::new(LogicalPlan::Unnest(rows));
    Ok(LogicalPlan::Projection(Projection::try_new(out, rows)?))
}
