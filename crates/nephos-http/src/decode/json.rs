//! JSON answers: the wanted members of the rows, and what a page says of the next.
//!
//! One pass of `serde_json` that skips what is not wanted and keeps wanted values as slices of the
//! body. Skipping checks the grammar as reading does, so that a cut or garbled page is an error
//! wherever it is broken. Measured on 50 MB of rows of 40 members, two of them wanted, on one core
//! of an EPYC without `target-cpu`: this 780 to 830 MB/s; `jiter` 430 to 490; lazy values of
//! `sonic-rs` 180 to 200, its skipping alone 610 to 820 where that of `serde_json` is 1250 to 1310;
//! `serde_json::Value` 70 to 100.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use nephos_catalog::{Column, ColumnOrigin, RowPath, Step};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::Deserializer as Json;
use serde_json::value::RawValue;

use super::{ROW_ITSELF, json_text};

/// Visits of values that are no structure, all the same. `IS_NULL` says whether it was null.
macro_rules! plain_values {
    ($visitor:ident => $then:expr) => {
        plain_values!(@ $visitor, $then, visit_bool, bool);
        plain_values!(@ $visitor, $then, visit_i64, i64);
        plain_values!(@ $visitor, $then, visit_u64, u64);
        plain_values!(@ $visitor, $then, visit_f64, f64);
        plain_values!(@ $visitor, $then, visit_str, &str);

        fn visit_unit<E>(self) -> Result<(), E> {
            #[allow(unused)]
            const IS_NULL: bool = true;
            let $visitor = self;
            $then;
            Ok(())
        }
    };
    (@ $visitor:ident, $then:expr, $visit:ident, $value:ty) => {
        fn $visit<E>(self, _: $value) -> Result<(), E> {
            #[allow(unused)]
            const IS_NULL: bool = false;
            let $visitor = self;
            $then;
            Ok(())
        }
    };
}

/// What is wanted of the answers of one method.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    goals: Vec<Goal>,
    /// Slots of single values.
    slots: usize,
    /// Slots of page values: of each path its alternatives in order.
    pages: Vec<(RowPath, Vec<usize>)>,
    /// Slots of members of the envelope, by their name on the wire.
    envelope: Vec<(String, usize)>,
    /// Members of a row.
    fields: Fields,
    /// The row itself is wanted.
    itself: bool,
    /// Which alternative a row was found by is wanted.
    union: bool,
}

/// A path and what its end is for.
#[derive(Debug)]
struct Goal {
    steps: Vec<Step>,
    aim: Aim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// Rows of this alternative.
    Rows(usize),
    /// A single value.
    Slot(usize),
}

/// How far goals have come: index of the goal, steps done.
type Active = Vec<(usize, usize)>;

impl Plan {
    /// `pages` are the paths that the page's continuation is read from.
    pub(crate) fn new<'p>(
        rows: &RowPath,
        columns: &[Column],
        pages: impl IntoIterator<Item = &'p RowPath>,
    ) -> Self {
        let mut plan = Self { union: rows.is_union(), ..Self::default() };
        let alternatives: &[Vec<Step>] = match rows.is_whole() {
            true => &[Vec::new()],
            false => &rows.alternatives,
        };
        for (index, steps) in alternatives.iter().enumerate() {
            plan.goals.push(Goal { steps: from_root(steps), aim: Aim::Rows(index) });
        }
        for column in columns {
            match column.origin {
                ColumnOrigin::Row => {
                    plan.itself |= is_row_itself(column);
                    plan.fields.add(&column.wire);
                }
                ColumnOrigin::Envelope => {
                    let slot = plan.slot(vec![Step::Name(column.wire.clone())]);
                    plan.envelope.push((column.wire.clone(), slot));
                }
                _ => {}
            }
        }
        for path in pages {
            let slots = path.alternatives.iter().map(|steps| plan.slot(from_root(steps))).collect();
            plan.pages.push((path.clone(), slots));
        }
        plan
    }

    fn slot(&mut self, steps: Vec<Step>) -> usize {
        self.goals.push(Goal { steps, aim: Aim::Slot(self.slots) });
        self.slots += 1;
        self.slots - 1
    }

    /// Reads a body. An error says where it is broken.
    pub(crate) fn read<'a>(&'a self, body: &'a str) -> Result<JsonPage<'a>, String> {
        let mut page = JsonPage {
            plan: self,
            body,
            columns: vec![Vec::new(); self.fields.names.len() + usize::from(self.itself)],
            alternatives: Vec::new(),
            rows: 0,
            reached: false,
            slots: vec![None; self.slots],
        };
        let active: Active = (0..self.goals.len()).map(|goal| (goal, 0)).collect();
        let mut json = Json::from_str(body);
        At { page: &mut page, active }
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| error.to_string())?;
        let root = body.trim_start();
        if !page.reached
            && self.goals.iter().any(|goal| matches!(goal.aim, Aim::Rows(_)))
            && !root.starts_with(['{', 'n'])
            && json_text::compact(root.trim_end()) != "[]"
        {
            return Err("it has no member that holds the rows, and is not an object".to_owned());
        }
        Ok(page)
    }

    /// Goals that `key` brings on, and those that it brings on by its last element.
    fn advance(&self, active: &[(usize, usize)], key: &[u8]) -> (Active, Active) {
        let (mut every, mut last) = (Active::new(), Active::new());
        for (goal, done) in active {
            match self.goals[*goal].steps.get(*done) {
                Some(Step::Any) => every.push((*goal, done + 1)),
                Some(Step::Name(name)) if name.as_bytes() == key => every.push((*goal, done + 1)),
                Some(Step::Last(name)) if name.as_bytes() == key => last.push((*goal, done + 1)),
                _ => {}
            }
        }
        (every, last)
    }

    fn is_done(&self, (goal, done): (usize, usize)) -> bool {
        done == self.goals[goal].steps.len()
    }
}

/// Steps below the root: a first `*` is the root.
fn from_root(steps: &[Step]) -> Vec<Step> {
    steps.strip_prefix(&[Step::Any]).unwrap_or(steps).to_vec()
}

fn is_row_itself(column: &Column) -> bool {
    column.origin == ColumnOrigin::Row && ROW_ITSELF.contains(&column.wire.as_str())
}

/// Names of wanted members, each with a place of its own.
#[derive(Debug, Default)]
struct Fields {
    names: Vec<Vec<u8>>,
    places: HashMap<Vec<u8>, usize>,
    /// A bit for each length and last byte of a name: most keys are not wanted.
    mask: u64,
}

impl Fields {
    fn add(&mut self, name: &str) {
        let name = name.as_bytes().to_vec();
        if !self.places.contains_key(&name) {
            self.mask |= Self::bit(&name);
            self.places.insert(name.clone(), self.names.len());
            self.names.push(name);
        }
    }

    fn bit(name: &[u8]) -> u64 {
        let last = name.last().copied().unwrap_or_default();
        1 << (name.len().wrapping_mul(7).wrapping_add(usize::from(last)) & 63)
    }

    /// The place of a name; `expected` is tried first, since members come in the same order.
    fn place(&self, name: &[u8], expected: usize) -> Option<usize> {
        if self.mask & Self::bit(name) == 0 {
            return None;
        }
        if self.names.get(expected).is_some_and(|other| other == name) {
            return Some(expected);
        }
        if self.names.len() <= 4 {
            return self.names.iter().position(|other| other == name);
        }
        self.places.get(name).copied()
    }
}

/// One body, read: slices of it.
#[derive(Debug)]
pub(crate) struct JsonPage<'a> {
    plan: &'a Plan,
    body: &'a str,
    /// Values of each wanted member, and last of the row itself; one a row.
    columns: Vec<Vec<Option<&'a str>>>,
    /// The alternative that each row was found by, where there are several.
    alternatives: Vec<usize>,
    rows: usize,
    /// A path to rows led to something.
    reached: bool,
    slots: Vec<Option<&'a str>>,
}

impl<'a> JsonPage<'a> {
    /// How many rows the page has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Values of a column that comes from rows: JSON, one a row.
    pub(crate) fn column(&self, column: &Column) -> Vec<Option<&'a str>> {
        let place = self.plan.fields.places.get(column.wire.as_bytes());
        let members = place.and_then(|place| self.columns.get(*place));
        let whole = self.columns.last().filter(|_| self.plan.itself && is_row_itself(column));
        match (members, whole) {
            (Some(members), Some(whole)) => members
                .iter()
                .zip(whole)
                .map(|(member, row)| {
                    // `value` is a common member's name too.
                    let plain = || row.filter(|row| column.wire != "value" || !is_object(row));
                    member.or_else(plain)
                })
                .collect(),
            (Some(members), None) => members.clone(),
            (None, _) => vec![None; self.rows],
        }
    }

    /// The member's name under which each row was found.
    pub(crate) fn elements<'p>(&self, paths: &'p RowPath) -> Vec<Option<&'p str>> {
        let name = |steps: &'p Vec<Step>| {
            steps.iter().rev().find_map(|step| match step {
                Step::Name(name) | Step::Last(name) => Some(name.as_str()),
                Step::Any => None,
            })
        };
        let names: Vec<Option<&str>> = paths.alternatives.iter().map(name).collect();
        let first = names.first().copied().flatten();
        match self.plan.union {
            true => self.alternatives.iter().map(|at| names.get(*at).copied().flatten()).collect(),
            false => vec![first; self.rows],
        }
    }

    /// The envelope's member of this name: JSON.
    pub(crate) fn envelope(&self, wire: &str) -> Option<&'a str> {
        let (_, slot) = self.plan.envelope.iter().find(|(name, _)| name == wire)?;
        self.slots[*slot]
    }

    /// What stands at the first alternative of `path` that leads to something: strings, numbers and
    /// booleans as text, objects as JSON. Absent, null, `""`, `[]` and `{}` are nothing.
    pub(crate) fn text_at(&self, path: &RowPath) -> Option<String> {
        let known = self.plan.pages.iter().find(|(other, _)| other == path);
        if let Some((_, slots)) = known {
            return slots.iter().find_map(|slot| said(self.slots[*slot]?));
        }
        // Not among the paths that were looked for on the way.
        let mut plan = Plan::default();
        for steps in &path.alternatives {
            plan.slot(from_root(steps));
        }
        let page = plan.read(self.body).ok()?;
        page.slots.iter().find_map(|raw| said((*raw)?))
    }

    fn start_row(&mut self, alternative: usize) {
        self.rows += 1;
        for column in &mut self.columns {
            column.push(None);
        }
        if self.plan.union {
            self.alternatives.push(alternative);
        }
    }

    fn set(&mut self, place: usize, value: &'a str) {
        if let Some(cell) = self.columns.get_mut(place).and_then(|column| column.last_mut()) {
            *cell = Some(value);
        }
    }

    /// A value that was set aside: what goals end here, and what others go through it.
    fn take(&mut self, raw: &'a str, active: &Active) -> serde_json::Result<()> {
        let mut further = Active::new();
        for goal in active {
            if !self.plan.is_done(*goal) {
                further.push(*goal);
                continue;
            }
            match self.plan.goals[goal.0].aim {
                Aim::Slot(slot) => {
                    self.slots[slot].get_or_insert(raw);
                }
                Aim::Rows(alternative) => self.take_rows(raw, alternative)?,
            }
        }
        if further.is_empty() || !raw.starts_with(['{', '[']) {
            return Ok(());
        }
        At { page: self, active: further }.deserialize(&mut Json::from_str(raw))
    }

    fn take_rows(&mut self, raw: &'a str, alternative: usize) -> serde_json::Result<()> {
        self.reached = true;
        match raw.as_bytes().first() {
            Some(b'n') => Ok(()),
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(raw)?
                .into_iter()
                .try_for_each(|row| self.take_row(row.get(), alternative)),
            _ => self.take_row(raw, alternative),
        }
    }

    fn take_row(&mut self, raw: &'a str, alternative: usize) -> serde_json::Result<()> {
        self.start_row(alternative);
        if self.plan.itself {
            self.set(self.plan.fields.names.len(), raw);
        }
        if is_object(raw) {
            Json::from_str(raw).deserialize_map(Members { page: self })?;
        }
        Ok(())
    }

    /// Takes back what an earlier member of the same name has given.
    fn undo<'g>(&mut self, seen: &Seen<'a>, goals: impl Iterator<Item = &'g (usize, usize)>) {
        for column in &mut self.columns {
            column.drain(seen.rows.clone());
        }
        if self.plan.union {
            self.alternatives.drain(seen.rows.clone());
        }
        self.rows -= seen.rows.len();
        for (goal, _) in goals {
            if let Aim::Slot(slot) = self.plan.goals[*goal].aim {
                self.slots[slot] = seen.slots[slot];
            }
        }
    }
}

fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

/// The text of a value that says something.
fn said(raw: &str) -> Option<String> {
    let text = json_text::plain(raw)?;
    let nothing = raw == "null" || text.is_empty() || text == "[]" || text == "{}";
    (!nothing).then(|| text.into_owned())
}

/// A member on the way to a goal.
struct Seen<'a> {
    key: Vec<u8>,
    /// Rows that it gave.
    rows: Range<usize>,
    /// Slots before it.
    slots: Vec<Option<&'a str>>,
}

/// A value that goals lead to or through.
struct At<'w, 'a> {
    page: &'w mut JsonPage<'a>,
    active: Active,
}

impl<'a> DeserializeSeed<'a> for At<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        let plan = self.page.plan;
        if !self.active.iter().any(|goal| plan.is_done(*goal)) {
            return json.deserialize_any(self);
        }
        if let [(goal, _)] = self.active.as_slice()
            && let Aim::Rows(alternative) = plan.goals[*goal].aim
            && !plan.itself
        {
            self.page.reached = true;
            return json.deserialize_any(Rows { page: self.page, alternative });
        }
        let raw = <&RawValue>::deserialize(json)?.get();
        self.page.take(raw, &self.active).map_err(D::Error::custom)
    }
}

impl<'a> Visitor<'a> for At<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { page, active } = self;
        let mut members: Vec<Seen<'a>> = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let (every, last) = page.plan.advance(&active, &key);
            if every.is_empty() && last.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if let Some(index) = members.iter().position(|seen| *seen.key == *key) {
                let earlier = members.remove(index);
                page.undo(&earlier, every.iter().chain(&last));
                for seen in &mut members[index..] {
                    let gone = earlier.rows.len();
                    seen.rows = seen.rows.start - gone..seen.rows.end - gone;
                }
            }
            let (from, slots) = (page.rows, page.slots.clone());
            if last.is_empty() {
                map.next_value_seed(At { page: &mut *page, active: every })?;
            } else {
                let raw = map.next_value::<&RawValue>()?.get();
                page.take(raw, &every).map_err(A::Error::custom)?;
                let element = last_element(raw).map_err(A::Error::custom)?;
                if let Some(element) = element {
                    page.take(element, &last).map_err(A::Error::custom)?;
                }
            }
            members.push(Seen { key: key.into_owned(), rows: from..page.rows, slots });
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { page, active } = self;
        let inner: Active = active
            .into_iter()
            .map(|(goal, done)| match page.plan.goals[goal].steps.get(done) {
                Some(Step::Any) => (goal, done + 1),
                _ => (goal, done),
            })
            .collect();
        while list.next_element_seed(At { page: &mut *page, active: inner.clone() })?.is_some() {}
        Ok(())
    }

    plain_values!(_at => ());
}

/// Values at the end of a path to rows: a list of rows, one row, or none where it is null.
struct Rows<'w, 'a> {
    page: &'w mut JsonPage<'a>,
    alternative: usize,
}

impl<'a> Visitor<'a> for Rows<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        Row { page: self.page, alternative: self.alternative }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { page, alternative } = self;
        while list.next_element_seed(Row { page: &mut *page, alternative })?.is_some() {}
        Ok(())
    }

    plain_values!(rows => if !IS_NULL { rows.page.start_row(rows.alternative) });
}

/// One row; where it is a plain value, it has no members.
struct Row<'w, 'a> {
    page: &'w mut JsonPage<'a>,
    alternative: usize,
}

impl<'a> DeserializeSeed<'a> for Row<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Row<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        self.page.start_row(self.alternative);
        Members { page: self.page }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        self.page.start_row(self.alternative);
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    plain_values!(row => row.page.start_row(row.alternative));
}

/// Members of the row that was started last.
struct Members<'w, 'a> {
    page: &'w mut JsonPage<'a>,
}

impl<'a> Visitor<'a> for Members<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let plan = self.page.plan;
        let mut expected = 0;
        while let Some(wanted) = map.next_key_seed(Wanted { fields: &plan.fields, expected })? {
            match wanted {
                Some(place) => {
                    self.page.set(place, map.next_value::<&RawValue>()?.get());
                    expected = place + 1;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A key as bytes: an escape that holds half a surrogate is no reason to refuse a page.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, [u8]>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_bytes(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_bytes<E>(self, key: &'a [u8]) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_vec()))
    }
}

/// A key as the place of a wanted member.
struct Wanted<'f> {
    fields: &'f Fields,
    expected: usize,
}

impl<'a> DeserializeSeed<'a> for Wanted<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Wanted<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.fields.place(key, self.expected))
    }
}

/// The last element of a list; what is no list is its own.
fn last_element(raw: &str) -> serde_json::Result<Option<&str>> {
    if !raw.starts_with('[') {
        return Ok(Some(raw));
    }
    Ok(serde_json::from_str::<Vec<&RawValue>>(raw)?.last().map(|last| last.get()))
}
