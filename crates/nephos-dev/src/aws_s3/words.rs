//! `s3.descriptions.tsv`: what things are, in our own words.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::faults::Faults;

/// Kinds of things that are described.
const KINDS: [&str; 6] = ["service", "resource", "operation", "parameter", "member", "error"];

/// The table. A name that ends in `*` stands for every name with that start; `{}` in its text becomes
/// the rest of the name.
pub(super) struct Words {
    texts: BTreeMap<(String, String), String>,
    used: RefCell<BTreeSet<(String, String)>>,
}

impl Words {
    pub(super) fn parse(text: &str, faults: &Faults) -> Self {
        let mut texts = BTreeMap::new();
        for (index, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty()) {
            let place = format!("s3.descriptions.tsv line {}", index + 1);
            let cells: Vec<&str> = line.split('\t').collect();
            let [kind, name, text] = cells[..] else {
                faults.add(format!("{place} has {} columns, not 3", cells.len()));
                continue;
            };
            if !KINDS.contains(&kind) {
                faults.add(format!("{place}: {kind} is not one of {}", KINDS.join(", ")));
            }
            if texts.insert((kind.to_owned(), name.to_owned()), text.to_owned()).is_some() {
                faults.add(format!("{place}: {kind} {name} is described twice"));
            }
        }
        Self { texts, used: RefCell::default() }
    }

    /// The text of exactly this name.
    pub(super) fn find_exact(&self, kind: &str, name: &str) -> Option<String> {
        let key = (kind.to_owned(), name.to_owned());
        let text = self.texts.get(&key)?.clone();
        self.used.borrow_mut().insert(key);
        Some(text)
    }

    /// The text of this name, or of the longest `*` name that covers it.
    pub(super) fn find(&self, kind: &str, name: &str) -> Option<String> {
        self.find_exact(kind, name).or_else(|| {
            let cut =
                (1..=name.len()).rev().filter(|&cut| name.is_char_boundary(cut)).find(|&cut| {
                    self.texts.contains_key(&(kind.to_owned(), format!("{}*", &name[..cut])))
                })?;
            let text = self.find_exact(kind, &format!("{}*", &name[..cut]))?;
            Some(text.replace("{}", &name[cut..]))
        })
    }

    /// A description of nothing is a spelling mistake, or left from an older model.
    pub(super) fn report_unused(&self, faults: &Faults) {
        let used = self.used.borrow();
        for (kind, name) in self.texts.keys().filter(|key| !used.contains(*key)) {
            faults.add(format!("s3.descriptions.tsv describes {kind} {name}, which is not used"));
        }
    }
}
