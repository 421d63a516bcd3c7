//! Finds what a path leads to.

use std::collections::BTreeSet;

use super::path::{Axis, Compare, Expr, Path, Step, Steps, Test};
use super::tree::{Content, Document, Place};

/// Nodes that one selection may look at; a path that looks at more is not meant for its document.
const MAX_VISITS: usize = 20_000_000;

/// What an expression is worth.
enum Worth {
    Number(f64),
    Text(String),
    Bool(bool),
    Nodes(Vec<Place>),
}

/// Where a predicate is judged.
#[derive(Clone, Copy)]
struct Context {
    place: Place,
    position: usize,
    last: usize,
}

struct Search<'d> {
    document: &'d Document,
    visits: usize,
}

impl Document {
    /// Everything that the path leads to from the document, in document order.
    pub(crate) fn select(&self, path: &Path) -> Result<Vec<Place>, String> {
        let mut search = Search { document: self, visits: 0 };
        let mut found = BTreeSet::new();
        for steps in &path.alternatives {
            found.extend(search.follow((0, 0), steps)?);
        }
        Ok(found.into_iter().collect())
    }
}

impl Search<'_> {
    fn visit(&mut self, count: usize) -> Result<(), String> {
        self.visits = self.visits.saturating_add(count);
        if self.visits > MAX_VISITS {
            return Err(format!("the path looks at more than {MAX_VISITS} nodes"));
        }
        Ok(())
    }

    fn follow(&mut self, from: Place, steps: &Steps) -> Result<Vec<Place>, String> {
        let mut places = vec![if steps.absolute { (0, 0) } else { from }];
        for step in &steps.steps {
            let mut next = BTreeSet::new();
            for place in places {
                next.extend(self.step(place, step)?);
            }
            places = next.into_iter().collect();
        }
        Ok(places)
    }

    fn step(&mut self, from: Place, step: &Step) -> Result<Vec<Place>, String> {
        let mut found = self.axis(from, step.axis)?;
        found.retain(|place| self.fits(*place, step));
        for predicate in &step.predicates {
            let last = found.len();
            let mut kept = Vec::new();
            for (index, place) in found.into_iter().enumerate() {
                self.visit(1)?;
                let position = index + 1;
                let context = Context { place, position, last };
                let holds = match self.worth(predicate, context)? {
                    Worth::Number(number) => is_position(number, position),
                    other => truth(&other),
                };
                if holds {
                    kept.push(place);
                }
            }
            found = kept;
        }
        Ok(found)
    }

    /// All nodes on an axis, nearest first.
    fn axis(&mut self, from: Place, axis: Axis) -> Result<Vec<Place>, String> {
        let node = &self.document.nodes[from.0];
        let is_attribute = from.1 > 0;
        let mut found = Vec::new();
        match axis {
            Axis::Itself => found.push(from),
            Axis::Parent if is_attribute => found.push((from.0, 0)),
            Axis::Parent if from.0 != 0 => found.push((node.parent, 0)),
            Axis::Child if !is_attribute => found.extend(node.children.iter().map(|c| (*c, 0))),
            Axis::Attribute if !is_attribute => {
                if let Content::Element { attributes, .. } = &node.content {
                    found.extend((1..=attributes.len()).map(|index| (from.0, index)));
                }
            }
            Axis::Ancestor => {
                let mut at = from.0;
                if is_attribute {
                    found.push((at, 0));
                }
                while at != 0 {
                    at = self.document.nodes[at].parent;
                    found.push((at, 0));
                }
            }
            Axis::Descendant | Axis::DescendantOrSelf => {
                if axis == Axis::DescendantOrSelf {
                    found.push(from);
                }
                let children = if is_attribute { &[][..] } else { &node.children };
                let mut waiting: Vec<usize> = children.iter().rev().copied().collect();
                while let Some(next) = waiting.pop() {
                    self.visit(1)?;
                    found.push((next, 0));
                    waiting.extend(self.document.nodes[next].children.iter().rev());
                }
            }
            _ => {}
        }
        self.visit(found.len())?;
        Ok(found)
    }

    fn fits(&self, place: Place, step: &Step) -> bool {
        let name = self.name(place);
        match &step.test {
            Test::Any => true,
            Test::Text => {
                let content = &self.document.nodes[place.0].content;
                place.1 == 0 && matches!(content, Content::Text(_) | Content::CData(_))
            }
            Test::All(prefix) => name.is_some_and(|(p, _)| prefix.as_ref().is_none_or(|x| x == p)),
            Test::Name(prefix, local) => name == Some((prefix, local)),
        }
    }

    /// Prefix and local name of an element or attribute.
    fn name(&self, place: Place) -> Option<(&str, &str)> {
        match self.document.attribute(place) {
            Some((name, _)) => Some(super::read::split(name)),
            None => match &self.document.nodes[place.0].content {
                Content::Element { prefix, name, .. } => Some((prefix, name)),
                _ => None,
            },
        }
    }

    fn worth(&mut self, expr: &Expr, context: Context) -> Result<Worth, String> {
        Ok(match expr {
            Expr::Number(number) => Worth::Number(*number),
            Expr::Text(text) => Worth::Text(text.clone()),
            Expr::Path(steps) => Worth::Nodes(self.follow(context.place, steps)?),
            Expr::And(parts) => Worth::Bool(self.all(parts, context, true)?),
            Expr::Or(parts) => Worth::Bool(!self.all(parts, context, false)?),
            Expr::Compare(operator, sides) => {
                let left = self.worth(&sides.0, context)?;
                let right = self.worth(&sides.1, context)?;
                Worth::Bool(self.compare(*operator, &left, &right))
            }
            Expr::Call(name, args) => self.call(name, args, context)?,
        })
    }

    /// Whether all parts have this truth.
    fn all(&mut self, parts: &[Expr], context: Context, wanted: bool) -> Result<bool, String> {
        for part in parts {
            let worth = self.worth(part, context)?;
            if truth(&worth) != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn call(&mut self, name: &str, args: &[Expr], context: Context) -> Result<Worth, String> {
        #[expect(clippy::cast_precision_loss, reason = "no document has 2^52 nodes")]
        let number = |count: usize| Worth::Number(count as f64);
        let mut values = Vec::new();
        for arg in args {
            values.push(self.worth(arg, context)?);
        }
        let text = |index: usize| values.get(index).map(|v| self.text(v)).unwrap_or_default();
        Ok(match name {
            "last" => number(context.last),
            "position" => number(context.position),
            "count" => match values.first() {
                Some(Worth::Nodes(places)) => number(places.len()),
                _ => return Err("count takes a path".to_owned()),
            },
            "not" => Worth::Bool(!values.first().is_some_and(truth)),
            "contains" => Worth::Bool(text(0).contains(&text(1))),
            "starts-with" => Worth::Bool(text(0).starts_with(&text(1))),
            "string" => Worth::Text(text(0)),
            "string-length" => number(text(0).chars().count()),
            "normalize-space" => {
                Worth::Text(text(0).split_whitespace().collect::<Vec<_>>().join(" "))
            }
            "local-name" => {
                Worth::Text(self.name(context.place).map_or(String::new(), |n| n.1.to_owned()))
            }
            _ => Worth::Text(self.name(context.place).map_or(String::new(), |(prefix, local)| {
                let colon = if prefix.is_empty() { "" } else { ":" };
                format!("{prefix}{colon}{local}")
            })),
        })
    }

    fn text(&self, worth: &Worth) -> String {
        match worth {
            Worth::Number(number) => number.to_string(),
            Worth::Text(text) => text.clone(),
            Worth::Bool(truth) => truth.to_string(),
            Worth::Nodes(places) => {
                places.first().map_or(String::new(), |place| self.document.inner_text(*place))
            }
        }
    }

    /// Whether any node on either side compares so.
    fn compare(&self, operator: Compare, left: &Worth, right: &Worth) -> bool {
        match (left, right) {
            (Worth::Bool(_), _) | (_, Worth::Bool(_)) => {
                let equal = truth(left) == truth(right);
                matches!(operator, Compare::Equal) == equal
                    && matches!(operator, Compare::Equal | Compare::NotEqual)
            }
            (Worth::Nodes(places), other) => places.iter().any(|place| {
                self.compare(operator, &Worth::Text(self.document.inner_text(*place)), other)
            }),
            (other, Worth::Nodes(places)) => places.iter().any(|place| {
                self.compare(operator, other, &Worth::Text(self.document.inner_text(*place)))
            }),
            (Worth::Text(left), Worth::Text(right)) if operator == Compare::Equal => left == right,
            (Worth::Text(left), Worth::Text(right)) if operator == Compare::NotEqual => {
                left != right
            }
            _ => {
                let number = |worth: &Worth| match worth {
                    Worth::Number(number) => *number,
                    other => self.text(other).trim().parse().unwrap_or(f64::NAN),
                };
                let (left, right) = (number(left), number(right));
                match operator {
                    Compare::Equal => is_same(left, right),
                    Compare::NotEqual => !is_same(left, right),
                    Compare::Less => left < right,
                    Compare::LessOrEqual => left <= right,
                    Compare::Greater => left > right,
                    Compare::GreaterOrEqual => left >= right,
                }
            }
        }
    }
}

fn truth(worth: &Worth) -> bool {
    match worth {
        Worth::Number(number) => *number != 0.0 && !number.is_nan(),
        Worth::Text(text) => !text.is_empty(),
        Worth::Bool(truth) => *truth,
        Worth::Nodes(places) => !places.is_empty(),
    }
}

fn is_same(left: f64, right: f64) -> bool {
    left.partial_cmp(&right).is_some_and(std::cmp::Ordering::is_eq)
}

fn is_position(number: f64, position: usize) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "no document has 2^52 nodes")]
    let position = position as f64;
    is_same(number, position)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZOO: &str = r#"<root a="1"><animals xmlns:z="u"><animal id="p"><name>Platypus</name><votes>1</votes></animal>
        <z:animal/><animal id="q"><name>Quokka &amp; co</name><votes>30</votes><![CDATA[<x>]]></animal></animals></root>"#;

    fn texts(path: &str) -> Vec<String> {
        let document = Document::parse(ZOO).unwrap();
        let found = document.select(&Path::parse(path).unwrap()).unwrap();
        found.into_iter().map(|place| document.inner_text(place)).collect()
    }

    #[test]
    fn paths_lead_where_xpath_says() {
        for (path, wanted) in [
            ("/root/animals/animal/name", vec!["Platypus", "Quokka & co"]),
            ("//name", vec!["Platypus", "Quokka & co"]),
            ("root//animal[2]/name", vec!["Quokka & co"]),
            ("//animal[last()]/votes", vec!["30"]),
            ("//animal[@id='p']/name/text()", vec!["Platypus"]),
            ("//animal/@id", vec!["p", "q"]),
            ("/root/@a | //votes[. > 5]", vec!["1", "30"]),
            ("//animal[votes=1 or name='x']/@id", vec!["p"]),
            ("//animal[contains(name, 'co') and not(votes < 5)]/@id", vec!["q"]),
            ("//*[local-name()='votes'][position()=1]", vec!["1", "30"]),
            ("//name/../@id", vec!["p", "q"]),
            ("//votes/ancestor::root/@a", vec!["1"]),
            ("count", vec![]),
            ("/root/*/z:animal", vec![""]),
            ("/nothing", vec![]),
        ] {
            assert_eq!(texts(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_path_beyond_the_subset_is_an_error() {
        for path in
            ["", "//", "/a[", "/a[1", "a b", "following::a", "a[substring(., 1)]", "[1]", "a["]
        {
            assert!(Path::parse(path).is_err(), "{path}");
        }
        assert!(Path::parse(&"a[".repeat(100)).is_err());
    }

    #[test]
    fn a_node_is_written_with_its_tags() {
        let document = Document::parse(ZOO).unwrap();
        let found =
            document.select(&Path::parse("//animal[2] | //z:animal | //animal[1]/@id").unwrap());
        let xml: Vec<String> = found.unwrap().into_iter().map(|p| document.outer_xml(p)).collect();
        assert_eq!(
            xml,
            [
                "<id>p</id>",
                "<z:animal></z:animal>",
                "<animal id=\"q\"><name>Quokka &amp; co</name><votes>30</votes><![CDATA[<x>]]></animal>"
            ]
        );
    }
}
