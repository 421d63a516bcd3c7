//! Which elements of an XML answer are kept: those that wanted columns and the continuation of the
//! page are read from.
//!
//! A tree of everything costs an allocation and more for each element. With two columns of a list
//! wanted it is read at a third to a half of the rate of the bare events of `quick-xml`; a tree of
//! what is wanted comes near that rate, and cells are read from it as from the whole.

use nephos_catalog::{Column, ColumnOrigin, RowPath, Step};

/// Elements to keep below an element.
#[derive(Debug, Default)]
pub(crate) struct Keep {
    /// Everything.
    all: bool,
    names: Vec<(String, Keep)>,
}

impl Keep {
    /// Keeps whole documents.
    pub(crate) const ALL: Self = Self { all: true, names: Vec::new() };

    /// What columns and the paths of a page's continuation need, below the root.
    pub(super) fn new<'p>(
        rows: &RowPath,
        columns: &[Column],
        pages: impl IntoIterator<Item = &'p RowPath>,
    ) -> Self {
        let mut root = Self::default();
        // Says how tokens are spelled.
        root.keep("EncodingType");
        if rows.is_whole() {
            root.keep_row(columns);
        }
        for steps in below_root(rows) {
            root.at(steps).keep_row(columns);
            // A list without such elements is the row itself.
            if let Some((Step::Name(name), parent)) = steps.split_last()
                && matches!(name.as_str(), "member" | "item")
            {
                root.at(parent).keep_row(columns);
            }
        }
        for column in columns.iter().filter(|column| column.origin == ColumnOrigin::Envelope) {
            root.keep_column(column);
        }
        for path in pages {
            for steps in below_root(path) {
                root.at(steps).all = true;
            }
        }
        root
    }

    /// What to keep below the child `name`; `None` where it is not wanted itself.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        if self.all {
            return Some(self);
        }
        self.names.iter().find(|(other, _)| other == name).map(|(_, keep)| keep)
    }

    fn at(&mut self, steps: &[Step]) -> &mut Self {
        match steps.split_first() {
            None => self,
            Some((Step::Any, _)) => {
                self.all = true;
                self
            }
            Some((Step::Name(name) | Step::Last(name), rest)) => self.entry(name).at(rest),
        }
    }

    fn entry(&mut self, name: &str) -> &mut Self {
        let index = self.names.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
            self.names.push((name.to_owned(), Self::default()));
            self.names.len() - 1
        });
        &mut self.names[index].1
    }

    fn keep(&mut self, name: &str) {
        self.entry(name).all = true;
    }

    fn keep_row(&mut self, columns: &[Column]) {
        for column in columns.iter().filter(|column| column.origin == ColumnOrigin::Row) {
            self.keep_column(column);
        }
    }

    fn keep_column(&mut self, column: &Column) {
        if super::ROW_ITSELF.contains(&column.wire.as_str()) {
            self.all = true;
        } else {
            self.keep(&column.wire);
        }
    }
}

/// Steps below the root of each alternative. One that begins with a name may mean the root by it,
/// or a member of the root.
fn below_root(path: &RowPath) -> impl Iterator<Item = &[Step]> {
    path.alternatives.iter().flat_map(|steps| {
        let (first, rest) = match steps.split_first() {
            Some((first, rest)) => (Some(first), rest),
            None => (None, &[][..]),
        };
        let whole = matches!(first, Some(Step::Name(_) | Step::Last(_))).then_some(&steps[..]);
        [Some(rest), whole].into_iter().flatten()
    })
}
