//! One pass over a JSON body: down the paths to the rows and to single values, past all else.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use nephos_catalog::Step;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::value::RawValue;

use super::json::{Active, Aim, Fields, JsonPage};

/// Visits of values that are no structure: all go to `plain`, with whether the value was null.
macro_rules! plain_values {
    () => {
        plain_values!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

        fn visit_unit<E>(self) -> Result<(), E> {
            Self::plain(self, true);
            Ok(())
        }
    };
    ($($visit:ident: $value:ty),*) => {$(
        fn $visit<E>(self, _: $value) -> Result<(), E> {
            Self::plain(self, false);
            Ok(())
        }
    )*};
}

/// A member on the way to a goal.
pub(super) struct Seen<'a> {
    key: Cow<'a, str>,
    /// Rows that it gave.
    pub(super) rows: Range<usize>,
    /// Slots before it.
    pub(super) slots: Vec<Option<&'a str>>,
}

/// A value that goals lead to or through.
pub(super) struct At<'w, 'a> {
    pub(super) page: &'w mut JsonPage<'a>,
    pub(super) active: Active,
}

impl At<'_, '_> {
    /// No goal goes through a plain value.
    fn plain(_at: Self, _is_null: bool) {}
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
            let (every, last) = page.plan.advance(&active, key.as_bytes());
            if every.is_empty() && last.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if let Some(index) = members.iter().position(|seen| seen.key == key) {
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
            members.push(Seen { key, rows: from..page.rows, slots });
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

    plain_values!();
}

/// Values at the end of a path to rows: a list of rows, one row, or none where it is null.
struct Rows<'w, 'a> {
    page: &'w mut JsonPage<'a>,
    alternative: usize,
}

impl Rows<'_, '_> {
    fn plain(self, is_null: bool) {
        if !is_null {
            self.page.start_row(self.alternative);
        }
    }
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

    plain_values!();
}

/// One row; where it is a plain value, it has no members.
struct Row<'w, 'a> {
    page: &'w mut JsonPage<'a>,
    alternative: usize,
}

impl Row<'_, '_> {
    fn plain(self, _is_null: bool) {
        self.page.start_row(self.alternative);
    }
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

    plain_values!();
}

/// Members of the row that was started last.
pub(super) struct Members<'w, 'a> {
    pub(super) page: &'w mut JsonPage<'a>,
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

/// A key. Read as text, not as bytes: bytes may hold control characters, which no JSON has.
struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
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
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Wanted<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.fields.place(key.as_bytes(), self.expected))
    }
}

/// The last element of a list; what is no list is its own.
fn last_element(raw: &str) -> serde_json::Result<Option<&str>> {
    if !raw.starts_with('[') {
        return Ok(Some(raw));
    }
    Ok(serde_json::from_str::<Vec<&RawValue>>(raw)?.last().map(|last| last.get()))
}
