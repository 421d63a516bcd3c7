//! Which service and which resource an operation belongs to.

use std::collections::BTreeMap;

use super::operation::Operation;
use super::words::{singular, snake, unique};
use super::{DraftOptions, ServiceGrouping};
use crate::fold;

/// APIs of up to this many operations are one service.
const SMALL: usize = 30;
/// More services than this make nothing easier to find.
const MANY: usize = 80;
/// The service of a small API, and of operations that nothing is said of.
const ONLY: &str = "api";
/// The resource of deeds that stand on nothing.
const ACTIONS: &str = "actions";

/// The service's name for each operation.
pub(super) fn services(operations: &[Operation], options: &DraftOptions) -> Vec<String> {
    let tags: Vec<String> = operations
        .iter()
        .map(|operation| operation.tag.as_deref().map(snake).unwrap_or_default())
        .collect();
    let segments: Vec<String> = operations
        .iter()
        .map(|operation| operation.place.chain.first().cloned().unwrap_or_default())
        .collect();
    let chosen = match options.services {
        ServiceGrouping::Tag => Some(tags),
        ServiceGrouping::Path => Some(segments),
        ServiceGrouping::Auto if operations.len() > SMALL => {
            [tags, segments].into_iter().find(|names| divide(names))
        }
        ServiceGrouping::Auto | ServiceGrouping::One => None,
    };
    let said = |name: String| if name.is_empty() { ONLY.to_owned() } else { name };
    match chosen {
        Some(names) => names.into_iter().map(said).collect(),
        None => vec![ONLY.to_owned(); operations.len()],
    }
}

/// Whether names divide operations in a way that helps: nearly all have one, there are several, and
/// none holds nearly everything.
fn divide(names: &[String]) -> bool {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names.iter().filter(|name| !name.is_empty()) {
        *counts.entry(name).or_default() += 1;
    }
    let covered: usize = counts.values().sum();
    let largest = counts.values().max().copied().unwrap_or_default();
    covered * 10 >= names.len() * 9
        && (2..=MANY).contains(&counts.len())
        && largest * 10 <= names.len() * 9
}

/// Operations on one collection.
struct Group {
    service: String,
    chain: Vec<String>,
    members: Vec<usize>,
    /// Components that its rows are.
    rows: Vec<String>,
    /// How many words of the chain the name has.
    words: usize,
}

impl Group {
    fn name(&self) -> String {
        let (last, parents) = match self.chain.split_last() {
            Some((last, parents)) => (last.as_str(), parents),
            None => (ACTIONS, &[] as &[String]),
        };
        let from = parents.len().saturating_sub(self.words - 1);
        let parents: Vec<String> = parents[from..].iter().map(|parent| singular(parent)).collect();
        if parents.is_empty() { last.to_owned() } else { format!("{}_{last}", parents.join("_")) }
    }
}

/// The resource's name for each operation.
///
/// A resource is called as its collection is. Where collections of a service share a name they are
/// one resource if their rows are the same component; else the ones that are nested deeper are
/// named with what they are nested in.
pub(super) fn resources(operations: &[Operation], services: &[String]) -> Vec<String> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let mut chain = operation.place.chain.clone();
        if chain.is_empty() {
            let said = operation.tag.as_deref().map(snake).filter(|name| !name.is_empty());
            chain.extend(said);
        }
        let row = operation
            .answer
            .row
            .filter(|_| operation.http == crate::HttpVerb::Get && operation.place.action.is_none());
        let known = groups.iter_mut().find(|g| g.service == services[index] && g.chain == chain);
        match known {
            Some(group) => {
                group.members.push(index);
                group.rows.extend(row.map(str::to_owned));
            }
            None => groups.push(Group {
                service: services[index].clone(),
                chain,
                members: vec![index],
                rows: row.map(str::to_owned).into_iter().collect(),
                words: 1,
            }),
        }
    }
    lengthen(&mut groups);
    let mut names = vec![String::new(); operations.len()];
    let mut taken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut given: Vec<(usize, String)> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let same = given.iter().find(|(other, _)| {
            let other = &groups[*other];
            other.service == group.service && other.name() == group.name() && alike(other, group)
        });
        let name = match same {
            Some((_, name)) => name.clone(),
            None => unique(&group.name(), &[], taken.entry(group.service.clone()).or_default()),
        };
        for member in &group.members {
            names[*member].clone_from(&name);
        }
        given.push((at, name));
    }
    names
}

/// Makes names longer until those of different things differ, or nothing is left to add.
fn lengthen(groups: &mut [Group]) {
    loop {
        let mut longer: Vec<usize> = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            for (other_at, other) in groups.iter().enumerate() {
                let clash = at != other_at
                    && group.service == other.service
                    && fold(&group.name()) == fold(&other.name())
                    && !alike(group, other);
                // The one that is nested least keeps the short name.
                if clash
                    && group.chain.len() >= other.chain.len()
                    && group.words < group.chain.len()
                {
                    longer.push(at);
                    break;
                }
            }
        }
        if longer.is_empty() {
            return;
        }
        for at in longer {
            groups[at].words += 1;
        }
    }
}

/// Whether two collections hold the same kind of thing.
fn alike(one: &Group, other: &Group) -> bool {
    one.rows.iter().any(|row| other.rows.contains(row))
}
