//! Conditions that can carry parameters.

use nephos_sql::ast::{BinaryOperator, Expr};

/// `column = value` or `column IN (values)`, a conjunct of WHERE or ON.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// The column, with its qualifier.
    pub(crate) column: Vec<String>,
    /// One value for `=`, all for IN.
    pub(crate) values: Vec<Expr>,
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
                Some(Condition { column: column(side)?, values: vec![other.as_ref().clone()] })
            })
            .collect(),
        Expr::InList { expr, list, negated: false } => column(expr)
            .map(|column| Condition { column, values: list.clone() })
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
        _ => None,
    }
}
