//! Resources that are queries over other resources.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::Expr as Planned;
use nephos_catalog::{Lookup, ResourceRef, View, fold, lookup};
use nephos_sql::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, Query, Select, SelectItem, SetExpr,
    TableWithJoins, Value, VisitMut, VisitorMut,
};

use crate::bind::literal;
use crate::held::parsed;
use crate::scalar::to_text;
use crate::{Error, Session};

/// Views over views end here: a document that nests deeper refers to itself.
const MAX_DEPTH: usize = 10;
/// A view is planned again for each value of a list that it does not show; more than these are
/// refused.
const MOST_COPIES: usize = 100;

/// A name and the values that the conditions around a relation give it.
pub(crate) type Given = (String, Vec<ScalarValue>);

/// What is wrong with the text of a view; `None` where it is a query.
pub fn view_fault(view: &View) -> Option<String> {
    parsed(&view.ddl).err().map(|error| format!("the view is not a query: {}", error.message))
}

impl Session {
    /// The table that a resource's views make under these conditions. `within` are the views
    /// around it.
    pub(crate) async fn view_table(
        &self,
        resource: &ResourceRef,
        given: &[Given],
        computed: &[String],
        within: &[String],
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let view = self.chosen(resource, given, computed)?;
        demand_placeholders(resource, view, given)?;
        let plan = self.view_plan(resource, view, given, within).await?;
        Ok(Arc::new(ViewTable::new(plan, Some(view.ddl.clone()))))
    }

    /// The first view whose required names are all given.
    fn chosen<'a>(
        &self,
        resource: &'a ResourceRef,
        given: &[Given],
        computed: &[String],
    ) -> Result<&'a View, Error> {
        let views = &resource.resource.views;
        let lacks = |view: &View| -> Vec<String> {
            let lacking = |name: &&String| {
                let names = given.iter().map(|(name, _)| name.as_str());
                !matches!(lookup(name, names), Lookup::Found(_))
            };
            view.required.iter().filter(lacking).cloned().collect()
        };
        if let Some(view) = views.iter().find(|view| lacks(view).is_empty()) {
            return Ok(view);
        }
        let table = resource.full_name();
        let wanted: Vec<String> = views.iter().map(|view| lacks(view).join(", ")).collect();
        let mut error = Error::plan(format!(
            "missing required parameter{} {} for SELECT on {table}",
            if wanted.iter().any(|names| names.contains(',')) { "s" } else { "" },
            wanted.join(" or ")
        ));
        let sibling = format!("{}_list_only", resource.resource.head.name);
        let listed = self.catalog().resource(&resource.provider.name, &resource.service, &sibling);
        if listed.is_ok_and(|found| found.resource.head.name == sibling) {
            error = error.hint(format!("{table}_list_only lists what there is"));
        }
        error = error.hint(format!("SHOW METHODS IN {table}"));
        if !computed.is_empty() {
            error = error.hint(format!(
                "{} is compared with something that is not a constant; SET VARIABLE x = (SELECT ..) \
                 and getvariable('x') carry a value over",
                computed.join(", ")
            ));
        }
        Err(error)
    }

    /// The plan of a view, with a column for each name of `given` that it used.
    async fn view_plan(
        &self,
        resource: &ResourceRef,
        view: &View,
        given: &[Given],
        within: &[String],
    ) -> Result<LogicalPlan, Error> {
        let table = resource.full_name();
        if within.contains(&table) || within.len() >= MAX_DEPTH {
            return Err(Error::plan(format!(
                "the views of its document refer to each other without end: {} -> {table}",
                within.join(" -> ")
            )));
        }
        let mut around = within.to_vec();
        around.push(table.clone());
        let of_view = |error: Error| error.of_view(&table);
        let mut query = parsed(&view.ddl).map_err(of_view)?;
        let used = override_literals(&mut query, given)?.used;
        let plan = Box::pin(self.view_query(query, &around)).await.map_err(of_view)?;
        let columns: Vec<String> =
            plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        // The statement around compares these names once more, on the rows.
        let hidden: Vec<&Given> = given
            .iter()
            .filter(|(name, _)| {
                let required = view.required.iter().any(|r| fold(r) == fold(name));
                (required || used.iter().any(|u| fold(u) == fold(name)))
                    && matches!(lookup(name, columns.iter().map(String::as_str)), Lookup::Missing)
            })
            .collect();
        if hidden.is_empty() {
            return Ok(plan);
        }
        let copies: usize = hidden.iter().map(|(_, values)| values.len()).product();
        if copies == 1 {
            return shown(plan, &hidden.iter().map(|g| (&g.0, &g.1[0])).collect::<Vec<_>>());
        }
        if copies > MOST_COPIES {
            return Err(Error::plan(format!(
                "the IN lists of this statement would repeat the view {table} {copies} times, more \
                 than {MOST_COPIES}"
            ))
            .hint("split the lists over several statements"));
        }
        // The view does not show which value a row belongs to, so that each gets a view of its own.
        let mut all: Option<LogicalPlanBuilder> = None;
        for copy in 0..copies {
            let mut rest = copy;
            let mut one: Vec<Given> = Vec::new();
            for (name, values) in &hidden {
                one.push((name.clone(), vec![values[rest % values.len()].clone()]));
                rest /= values.len();
            }
            let mut pinned = given.to_vec();
            for (name, values) in &mut pinned {
                if let Some((_, value)) = one.iter().find(|(other, _)| other == name) {
                    values.clone_from(value);
                }
            }
            let mut query = parsed(&view.ddl).map_err(of_view)?;
            override_literals(&mut query, &pinned)?;
            let plan = Box::pin(self.view_query(query, &around)).await.map_err(of_view)?;
            let plan = shown(plan, &one.iter().map(|g| (&g.0, &g.1[0])).collect::<Vec<_>>())?;
            all = Some(match all {
                Some(all) => all.union(plan)?,
                None => LogicalPlanBuilder::from(plan),
            });
        }
        match all {
            Some(all) => Ok(all.build()?),
            None => Ok(plan),
        }
    }

    async fn view_query(&self, query: Query, within: &[String]) -> Result<LogicalPlan, Error> {
        Ok(self.plan_within(query, &[], within).await?.into_plan())
    }

    /// Columns of the first view of a resource with their types. Where its query cannot be planned
    /// without arguments, they are those that it names.
    pub(crate) async fn view_columns(
        &self,
        resource: &ResourceRef,
        view: &View,
    ) -> Result<Vec<(String, &'static str)>, Error> {
        match self.view_plan(resource, view, &[], &[]).await {
            Ok(plan) => Ok(plan
                .schema()
                .fields()
                .iter()
                .map(|field| (field.name().clone(), type_name(field.data_type())))
                .collect()),
            Err(error) => named_columns(&parsed(&view.ddl)?).ok_or(error),
        }
    }
}

/// Fails where a literal that only marks a place is left: a service would look for `<BucketName>`.
fn demand_placeholders(resource: &ResourceRef, view: &View, given: &[Given]) -> Result<(), Error> {
    let table = resource.full_name();
    let mut query = parsed(&view.ddl).map_err(|error| error.of_view(&table))?;
    let open = override_literals(&mut query, given)?.open;
    if open.is_empty() {
        return Ok(());
    }
    let plural = if open.len() > 1 { "s" } else { "" };
    let names = open.join(", ");
    Err(Error::plan(format!("missing required parameter{plural} {names} for SELECT on {table}"))
        .hint(format!("its view has no default for {names}: give {names} in WHERE")))
}

/// The plan with constants as further columns.
fn shown(plan: LogicalPlan, constants: &[(&String, &ScalarValue)]) -> Result<LogicalPlan, Error> {
    let mut exprs: Vec<Planned> =
        plan.schema().columns().into_iter().map(Planned::Column).collect();
    exprs.extend(constants.iter().map(|(name, value)| lit((*value).clone()).alias(name.as_str())));
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}

fn type_name(kind: &DataType) -> &'static str {
    match kind {
        DataType::Boolean => "boolean",
        kind if kind.is_integer() => "integer",
        kind if kind.is_numeric() => "number",
        _ => "text",
    }
}

/// The columns that a query names; `None` where a `*` hides some.
fn named_columns(query: &Query) -> Option<Vec<(String, &'static str)>> {
    fn of(body: &SetExpr) -> Option<Vec<(String, &'static str)>> {
        match body {
            SetExpr::Select(select) => select.projection.iter().map(item).collect(),
            SetExpr::Query(query) => of(&query.body),
            SetExpr::SetOperation { left, .. } => of(left),
            _ => None,
        }
    }
    fn item(item: &SelectItem) -> Option<(String, &'static str)> {
        let name = match item {
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) => ident.value.clone(),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last()?.value.clone(),
            SelectItem::UnnamedExpr(other) => other.to_string(),
            _ => return None,
        };
        Some((name, "text"))
    }
    of(&query.body)
}

/// Puts the values of `given` in the place of literals that the query compares the same names with.
fn override_literals(query: &mut Query, given: &[Given]) -> Result<Overridden, Error> {
    let mut values = Vec::new();
    for (name, scalars) in given {
        let exprs = scalars.iter().map(as_literal).collect::<Result<Vec<_>, _>>()?;
        values.push((name.as_str(), exprs));
    }
    let mut literals = Literals { values, found: Overridden::default() };
    let _ = VisitMut::visit(query, &mut literals);
    Ok(literals.found)
}

/// What became of the literals of a view.
#[derive(Default)]
struct Overridden {
    /// Names of the statement that replaced one.
    used: Vec<String>,
    /// Names that still have a placeholder for a value.
    open: Vec<String>,
}

/// `{{ account_id }}`, `<BucketName>` and `replace-me` are no values.
fn is_placeholder(value: &Expr) -> bool {
    let Some(ScalarValue::Utf8(Some(text))) = literal(value) else { return false };
    let text = text.trim();
    let within = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    text == "replace-me" || (text.len() > 2 && (within("{{", "}}") || within("<", ">")))
}

struct Literals<'a> {
    values: Vec<(&'a str, Vec<Expr>)>,
    found: Overridden,
}

impl VisitorMut for Literals<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if let Some(selection) = &mut select.selection {
            self.conjuncts(selection);
        }
        for table in &mut select.from {
            self.joins(table);
        }
        ControlFlow::Continue(())
    }
}

impl Literals<'_> {
    fn joins(&mut self, table: &mut TableWithJoins) {
        for join in &mut table.joins {
            if let JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on))
            | JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on)) = &mut join.join_operator
            {
                self.conjuncts(on);
            }
        }
    }

    fn conjuncts(&mut self, expr: &mut Expr) {
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.conjuncts(left);
                self.conjuncts(right);
            }
            Expr::Nested(inner) => self.conjuncts(inner),
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                let (column, value) =
                    if literal(right).is_some() { (left, right) } else { (right, left) };
                if literal(value).is_some() {
                    let (column, values) = (column.as_ref().clone(), [value.as_ref().clone()]);
                    if let Some(new) = self.condition(column, &values) {
                        *expr = new;
                    }
                }
            }
            Expr::InList { expr: column, list, negated: false }
                if list.iter().all(|value| literal(value).is_some()) =>
            {
                let (column, values) = (column.as_ref().clone(), list.clone());
                if let Some(new) = self.condition(column, &values) {
                    *expr = new;
                }
            }
            _ => {}
        }
    }

    /// What the statement around says of a column that the view compares with literals.
    fn condition(&mut self, column: Expr, literals: &[Expr]) -> Option<Expr> {
        let name = column_name(&column)?;
        let names = self.values.iter().map(|(name, _)| *name);
        let Lookup::Found(found) = lookup(&name, names) else {
            if literals.iter().any(is_placeholder) && !self.found.open.contains(&name) {
                self.found.open.push(name);
            }
            return None;
        };
        let (_, values) = self.values.iter().find(|(name, _)| *name == found)?;
        self.found.used.push(found.to_owned());
        Some(match values.as_slice() {
            [only] => Expr::BinaryOp {
                left: Box::new(column),
                op: BinaryOperator::Eq,
                right: Box::new(only.clone()),
            },
            _ => Expr::InList { expr: Box::new(column), list: values.clone(), negated: false },
        })
    }
}

/// The name of a column without its qualifier.
fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|part| part.value.clone()),
        Expr::Nested(inner) => column_name(inner),
        _ => None,
    }
}

/// A value as a literal of the same kind.
fn as_literal(value: &ScalarValue) -> Result<Expr, Error> {
    let text = to_text(value)?;
    let literal = match (value, text) {
        (_, None) => Value::Null,
        (ScalarValue::Boolean(Some(truth)), _) => Value::Boolean(*truth),
        (value, Some(text)) if value.data_type().is_integer() => Value::Number(text, false),
        (_, Some(text)) => Value::SingleQuotedString(text),
    };
    Ok(Expr::Value(literal.into()))
}
