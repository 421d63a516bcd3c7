//! The part of `XPath` 1.0 that templates use: location paths with predicates.

use std::fmt;

/// `path | path`
#[derive(Debug)]
pub(crate) struct Path {
    source: String,
    pub(super) alternatives: Vec<Steps>,
}

#[derive(Debug)]
pub(super) struct Steps {
    pub(super) absolute: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Child,
    Descendant,
    DescendantOrSelf,
    Itself,
    Parent,
    Ancestor,
    Attribute,
}

#[derive(Debug)]
pub(super) enum Test {
    /// `node()`
    Any,
    Text,
    /// `*`, or all of a prefix.
    All(Option<String>),
    /// Prefix and local name.
    Name(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    Path(Steps),
    Call(String, Vec<Expr>),
    Compare(Compare, Box<(Expr, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Predicates within predicates may go this deep.
const MAX_DEPTH: usize = 16;

struct Parser<'s> {
    source: &'s str,
    rest: &'s str,
    depth: usize,
}

impl Path {
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let mut parser = Parser { source, rest: source, depth: 0 };
        let mut alternatives = vec![parser.steps()?];
        while parser.take("|") {
            alternatives.push(parser.steps()?);
        }
        if !parser.rest.trim().is_empty() {
            return parser.fail();
        }
        Ok(Self { source: source.to_owned(), alternatives })
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

impl<'s> Parser<'s> {
    fn fail<T>(&self) -> Result<T, String> {
        Err(format!("path {:?} is not supported at {:?}", self.source, self.rest))
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn name(&mut self) -> Option<&'s str> {
        self.skip();
        let starts = self.rest.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let length = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
        if !starts {
            return None;
        }
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(name)
    }

    fn steps(&mut self) -> Result<Steps, String> {
        let absolute = self.take("/");
        let mut steps = Vec::new();
        if absolute && self.rest.starts_with('/') {
            self.rest = &self.rest[1..];
            steps.push(Step {
                axis: Axis::DescendantOrSelf,
                test: Test::Any,
                predicates: Vec::new(),
            });
        } else if absolute && self.rest.trim_start().is_empty() {
            return Ok(Steps { absolute, steps });
        }
        loop {
            steps.push(self.step()?);
            if !self.take("/") {
                return Ok(Steps { absolute, steps });
            }
            if self.rest.starts_with('/') {
                self.rest = &self.rest[1..];
                let test = Test::Any;
                steps.push(Step { axis: Axis::DescendantOrSelf, test, predicates: Vec::new() });
            }
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        if self.take("..") {
            return Ok(Step { axis: Axis::Parent, test: Test::Any, predicates: Vec::new() });
        }
        if self.take(".") {
            return Ok(Step { axis: Axis::Itself, test: Test::Any, predicates: Vec::new() });
        }
        let mut axis = Axis::Child;
        if self.take("@") {
            axis = Axis::Attribute;
        } else if let Some((name, _)) = self.rest.split_once("::")
            && name.chars().all(is_name)
        {
            axis = match name {
                "child" => Axis::Child,
                "descendant" => Axis::Descendant,
                "descendant-or-self" => Axis::DescendantOrSelf,
                "self" => Axis::Itself,
                "parent" => Axis::Parent,
                "ancestor" => Axis::Ancestor,
                "attribute" => Axis::Attribute,
                _ => return self.fail(),
            };
            self.rest = &self.rest[name.len() + 2..];
        }
        let test = self.test()?;
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.either()?);
            if !self.take("]") {
                return self.fail();
            }
        }
        Ok(Step { axis, test, predicates })
    }

    fn test(&mut self) -> Result<Test, String> {
        if self.take("*") {
            return Ok(Test::All(None));
        }
        let Some(name) = self.name() else { return self.fail() };
        if let Some(rest) = self.rest.strip_prefix(':') {
            self.rest = rest;
            if self.take("*") {
                return Ok(Test::All(Some(name.to_owned())));
            }
            let Some(local) = self.name() else { return self.fail() };
            return Ok(Test::Name(name.to_owned(), local.to_owned()));
        }
        if self.take("(") {
            let test = match name {
                "text" => Test::Text,
                "node" => Test::Any,
                _ => return self.fail(),
            };
            return if self.take(")") { Ok(test) } else { self.fail() };
        }
        Ok(Test::Name(String::new(), name.to_owned()))
    }

    fn either(&mut self) -> Result<Expr, String> {
        if self.depth == MAX_DEPTH {
            return Err(format!("path {:?} nests deeper than {MAX_DEPTH} levels", self.source));
        }
        self.depth += 1;
        let mut parts = vec![self.both()?];
        while self.word("or") {
            parts.push(self.both()?);
        }
        self.depth -= 1;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) })
    }

    fn both(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.comparison()?];
        while self.word("and") {
            parts.push(self.comparison()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) })
    }

    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(word).filter(|rest| !rest.starts_with(is_name));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        let left = self.operand()?;
        let operators = [
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("=", Compare::Equal),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        for (token, operator) in operators {
            if self.take(token) {
                let right = self.operand()?;
                return Ok(Expr::Compare(operator, Box::new((left, right))));
            }
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expr, String> {
        self.skip();
        for quote in ['\'', '"'] {
            if let Some(rest) = self.rest.strip_prefix(quote) {
                let Some((text, rest)) = rest.split_once(quote) else { return self.fail() };
                self.rest = rest;
                return Ok(Expr::Text(text.to_owned()));
            }
        }
        if self.take("(") {
            let inner = self.either()?;
            return if self.take(")") { Ok(inner) } else { self.fail() };
        }
        let digits = self.rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let (number, rest) = self.rest.split_at(digits);
            let Ok(number) = number.parse() else { return self.fail() };
            self.rest = rest;
            return Ok(Expr::Number(number));
        }
        let before = self.rest;
        let name = self.name();
        if let Some(name) = name.filter(|name| !matches!(*name, "text" | "node"))
            && self.take("(")
        {
            return self.call(name);
        }
        self.rest = before;
        Ok(Expr::Path(self.steps()?))
    }

    fn call(&mut self, name: &str) -> Result<Expr, String> {
        let wanted = match name {
            "last" | "position" | "local-name" | "name" => 0,
            "count" | "not" | "string" | "normalize-space" | "string-length" => 1,
            "contains" | "starts-with" => 2,
            _ => {
                return Err(format!("path {:?} calls {name}, which is not supported", self.source));
            }
        };
        let mut args = Vec::new();
        if !self.take(")") {
            loop {
                args.push(self.either()?);
                if self.take(")") {
                    break;
                }
                if !self.take(",") {
                    return self.fail();
                }
            }
        }
        if args.len() != wanted {
            return Err(format!("path {:?}: {name} takes {wanted} arguments", self.source));
        }
        Ok(Expr::Call(name.to_owned(), args))
    }
}
