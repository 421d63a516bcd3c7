//! `JSON('..')` and `string('..')`: how a value is meant in a request body.

use nephos_http::ArgumentForm;
use nephos_sql::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart, Query,
    SelectItem, SetExpr,
};

/// The form that an expression is marked with, and what stands inside the mark.
pub(crate) fn marked(expr: &Expr) -> Option<(ArgumentForm, &Expr)> {
    let Expr::Function(function) = expr else { return None };
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
    let form = match name.value.to_ascii_lowercase().as_str() {
        "json" => ArgumentForm::Json,
        "string" => ArgumentForm::Exact,
        _ => return None,
    };
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))] => Some((form, inner)),
        _ => None,
    }
}

/// Takes the mark off an expression.
pub(crate) fn take_mark(expr: &mut Expr) -> Option<ArgumentForm> {
    let (form, inner) = marked(expr)?;
    *expr = inner.clone();
    Some(form)
}

/// Marks of the values that a query gives: of VALUES a list for each row, of SELECT one for all.
pub(crate) struct Marks(Vec<Vec<Option<ArgumentForm>>>);

impl Marks {
    /// Takes the marks out of the values that `query` gives.
    pub(crate) fn take(query: &mut Query) -> Self {
        Self(match query.body.as_mut() {
            SetExpr::Values(values) => values
                .rows
                .iter_mut()
                .map(|row| row.content.iter_mut().map(take_mark).collect())
                .collect(),
            SetExpr::Select(select) => {
                let items = select.projection.iter_mut();
                vec![
                    items
                        .enumerate()
                        .map(|(index, item)| {
                            let (SelectItem::UnnamedExpr(expr)
                            | SelectItem::ExprWithAlias { expr, .. }) = item
                            else {
                                return None;
                            };
                            let mark = take_mark(expr);
                            // The columns of INSERT name the values: two may be the same.
                            let (expr, alias) = (expr.clone(), format!("$value{index}"));
                            let alias = Ident::with_quote('"', alias);
                            *item = SelectItem::ExprWithAlias { expr, alias };
                            mark
                        })
                        .collect(),
                ]
            }
            _ => Vec::new(),
        })
    }

    /// The mark of a value.
    pub(crate) fn of(&self, row: usize, column: usize) -> Option<ArgumentForm> {
        let marks = match self.0.as_slice() {
            [only] => only,
            rows => rows.get(row)?,
        };
        *marks.get(column)?
    }
}
