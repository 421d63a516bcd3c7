//! Column names that users type to the names that documents declare.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use nephos_catalog::{Lookup, lookup};
use nephos_sql::ast::{Expr, Ident, Query, SelectItem, TableAlias, VisitMut, VisitorMut};

/// Rewrites column references of `query` to declared names: as written where that exists, else
/// without regard to case, dashes and underscores. Names that the query itself gives (aliases) are
/// left alone. `qualifiers` maps `a.b.c` to the alias that the relation got.
pub(crate) fn resolve_columns(
    query: &mut Query,
    columns: &[String],
    qualifiers: &[(Vec<String>, String)],
) {
    let mut given = GivenNames::default();
    let _ = query.visit(&mut given);
    let mut rewrite = Rewrite { columns, qualifiers, given: given.0 };
    let _ = query.visit(&mut rewrite);
}

#[derive(Default)]
struct GivenNames(BTreeSet<String>);

impl VisitorMut for GivenNames {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut nephos_sql::ast::Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.0.insert(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| with.cte_tables.iter()) {
            self.add(&cte.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(
        &mut self,
        factor: &mut nephos_sql::ast::TableFactor,
    ) -> ControlFlow<()> {
        use nephos_sql::ast::TableFactor;
        if let TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } = factor
        {
            self.add(alias);
        }
        ControlFlow::Continue(())
    }
}

impl GivenNames {
    fn add(&mut self, alias: &TableAlias) {
        self.0.extend(alias.columns.iter().map(|column| column.name.value.clone()));
    }
}

struct Rewrite<'a> {
    columns: &'a [String],
    qualifiers: &'a [(Vec<String>, String)],
    given: BTreeSet<String>,
}

impl Rewrite<'_> {
    fn ident(&self, ident: &mut Ident) {
        if self.given.contains(&ident.value) {
            return;
        }
        if let Lookup::Found(found) = lookup(&ident.value, self.columns.iter().map(String::as_str))
        {
            found.clone_into(&mut ident.value);
            ident.quote_style = Some('"');
        }
    }
}

impl VisitorMut for Rewrite<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.ident(ident),
            Expr::CompoundIdentifier(parts) => {
                let texts: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
                if let Some((last, prefix)) = texts.split_last()
                    && let Some((_, alias)) = self.qualifiers.iter().find(|(full, _)| {
                        full.iter().map(String::as_str).eq(prefix.iter().copied())
                    })
                {
                    let mut column = Ident::new(*last);
                    column.span = parts.last().map_or(column.span, |part| part.span);
                    *parts = vec![Ident::with_quote('"', alias.clone()), column];
                }
                if let Some(last) = parts.last_mut() {
                    self.ident(last);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
