//! Column names that users type to the names that documents declare.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use nephos_catalog::{Lookup, lookup};
use nephos_sql::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, TableAlias, TableFactor,
    VisitMut, VisitorMut,
};

/// Rewrites column references of `query` to declared names: as written where that exists, else
/// without regard to case, dashes and underscores. Names that the query itself gives (aliases of
/// columns and relations) come first and are matched without regard to case. `qualifiers` maps
/// `a.b.c` to the alias that the relation got.
pub(crate) fn resolve_columns(
    query: &mut Query,
    columns: &[String],
    qualifiers: &[(Vec<String>, String)],
) {
    let mut given = GivenNames::default();
    let _ = VisitMut::visit(query, &mut given);
    let mut rewrite = Rewrite { columns, qualifiers, given };
    let _ = VisitMut::visit(query, &mut rewrite);
}

/// Names that a query gives.
#[derive(Default)]
struct GivenNames {
    columns: BTreeSet<String>,
    relations: BTreeSet<String>,
}

impl VisitorMut for GivenNames {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.columns.insert(alias.value.clone());
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

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
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
        self.relations.insert(alias.name.value.clone());
        self.columns.extend(alias.columns.iter().map(|column| column.name.value.clone()));
    }
}

/// The name of `names` that `name` is, without regard to case where no other is nearer.
fn same<'a>(name: &str, names: &'a BTreeSet<String>) -> Option<&'a str> {
    if let Some(exact) = names.get(name) {
        return Some(exact);
    }
    let mut near = names.iter().filter(|other| other.eq_ignore_ascii_case(name));
    match (near.next(), near.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

fn become_name(ident: &mut Ident, name: &str) {
    name.clone_into(&mut ident.value);
    ident.quote_style = Some('"');
}

struct Rewrite<'a> {
    columns: &'a [String],
    qualifiers: &'a [(Vec<String>, String)],
    given: GivenNames,
}

impl Rewrite<'_> {
    fn column(&self, ident: &mut Ident) {
        if self.given.columns.contains(&ident.value) {
            return;
        }
        match lookup(&ident.value, self.columns.iter().map(String::as_str)) {
            Lookup::Found(found) => become_name(ident, found),
            _ => {
                if let Some(found) = same(&ident.value, &self.given.columns) {
                    become_name(ident, found);
                } else if let Some(found) = self.ends_in(&ident.value) {
                    become_name(ident, found);
                }
            }
        }
    }

    /// The one column that is `something.name`: parameters may have dots in their names.
    fn ends_in(&self, name: &str) -> Option<&str> {
        let ends = |column: &&String| column.rsplit_once('.').is_some_and(|(_, last)| last == name);
        let mut found = self.columns.iter().filter(ends);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    fn relation(&self, ident: &mut Ident) {
        if let Some(found) = same(&ident.value, &self.given.relations) {
            become_name(ident, found);
        }
    }
}

impl VisitorMut for Rewrite<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<()> {
        if let [ObjectNamePart::Identifier(ident)] = name.0.as_mut_slice() {
            self.relation(ident);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.column(ident),
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
                if let [relation, column] = parts.as_mut_slice() {
                    self.relation(relation);
                    self.column(column);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
