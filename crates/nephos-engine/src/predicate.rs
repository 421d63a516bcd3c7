//! Conditions that can carry parameters.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use nephos_sql::ast::{
    BinaryOperator, Expr, FunctionArguments, Ident, Query, Value, VisitMut, VisitorMut,
};

/// `column = value` or `column IN (values)`, a conjunct of WHERE or ON.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// The column, with its qualifier.
    pub(crate) column: Vec<String>,
    /// One value for `=`, all for IN.
    pub(crate) values: Vec<Expr>,
    /// Where it stands in the query; see [`mark`]. `None` where it must stay there.
    pub(crate) mark: Option<usize>,
}

/// What stands before a condition while its relation is bound.
const MARK: &str = "$condition";

/// The conditions that the conjuncts of `expr` may be, each marked in its place, so that those that
/// a call carries can be taken out.
pub(crate) fn mark(expr: &mut Expr, next: &mut usize) -> Vec<Condition> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut found = mark(left, next);
            found.extend(mark(right, next));
            found
        }
        Expr::Nested(inner) => mark(inner, next),
        other => {
            let mut found = conditions(other);
            if !found.is_empty() {
                *next += 1;
                for condition in &mut found {
                    condition.mark = Some(*next);
                }
                let value = Box::new(other.clone());
                *other = Expr::Prefixed { prefix: Ident::new(format!("{MARK}{next}")), value };
            }
            found
        }
    }
}

/// Takes the marks out of a query, and with them the conditions that are `carried` by calls.
pub(crate) fn unmark(query: &mut Query, carried: &BTreeSet<usize>) {
    struct Unmark<'a>(&'a BTreeSet<usize>);
    impl VisitorMut for Unmark<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Prefixed { prefix, value } = expr
                && let Some(mark) = prefix.value.strip_prefix(MARK)
            {
                let carried = mark.parse().is_ok_and(|mark| self.0.contains(&mark));
                *expr = if carried {
                    Expr::Value(Value::Boolean(true).into())
                } else {
                    value.as_ref().clone()
                };
            }
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(query, &mut Unmark(carried));
}

/// The conjuncts of a condition.
pub(crate) fn conjuncts<'a>(expr: &'a Expr, out: &mut Vec<&'a Expr>) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, out);
            conjuncts(right, out);
        }
        Expr::Nested(inner) => conjuncts(inner, out),
        other => out.push(other),
    }
}

/// Conditions that a conjunct may mean: `a = b` may bind either side, only `=` and IN bind.
pub(crate) fn conditions(conjunct: &Expr) -> Vec<Condition> {
    match conjunct {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => [(left, right), (right, left)]
            .into_iter()
            .filter_map(|(side, other)| {
                let values = vec![other.as_ref().clone()];
                Some(Condition { column: column(side)?, values, mark: None })
            })
            .collect(),
        Expr::InList { expr, list, negated: false } => column(expr)
            .map(|column| Condition { column, values: list.clone(), mark: None })
            .into_iter()
            .collect(),
        Expr::Nested(inner) => conditions(inner),
        _ => Vec::new(),
    }
}

fn column(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Identifier(ident) => Some(vec![ident.value.clone()]),
        Expr::CompoundIdentifier(parts) => Some(parts.iter().map(|p| p.value.clone()).collect()),
        Expr::Nested(inner) => column(inner),
        // The parser takes some columns for functions without parentheses (`user`).
        Expr::Function(function) if function.args == FunctionArguments::None => {
            let [name] = function.name.0.as_slice() else { return None };
            name.as_ident().map(|name| vec![name.value.clone()])
        }
        _ => None,
    }
}
