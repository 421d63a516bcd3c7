//! Walks a template for its output, by the rules of Go's `text/template/exec.go`.

use std::collections::HashMap;

use serde_json::Value;
use typed_arena::Arena;

use super::node::{Branch, Expr, Function, Node, Pipe};
use super::printf::write_plain;
use super::value::Val;
use super::{Limits, Template};
use crate::TransformError;

/// How deep walking may nest, templates that use templates included. At this depth the stack of
/// a thread of an async runtime (2 MiB) is not half used, even without optimisation.
const MAX_DEPTH: usize = 160;

/// The rest of the message; the line is known to the state.
pub(super) type Exec<T> = Result<T, String>;

/// Where walking goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

pub(super) struct State<'a> {
    defined: &'a HashMap<String, Vec<Node>>,
    /// Maps that functions decode live as long as the rendering.
    pub(super) arena: &'a Arena<Value>,
    variables: Vec<(&'a str, Val<'a>)>,
    out: String,
    pub(super) limits: Limits,
    steps: u64,
    made: usize,
    depth: usize,
    line: usize,
}

/// Renders a template over a dot.
pub(super) fn render(
    template: &Template,
    dot: Val<'_>,
    limits: Limits,
) -> Result<String, TransformError> {
    let arena = Arena::new();
    let mut state = State {
        defined: &template.defined,
        arena: &arena,
        variables: vec![("$", dot.clone().unwrapped())],
        out: String::new(),
        limits,
        steps: 0,
        made: 0,
        depth: 0,
        line: 1,
    };
    match state.walk(&dot.unwrapped(), &template.root) {
        Ok(_) => Ok(state.out),
        Err(reason) => Err(TransformError::Execute { line: state.line, reason }),
    }
}

impl<'a> State<'a> {
    fn step(&mut self) -> Exec<()> {
        self.steps += 1;
        if self.steps > self.limits.steps {
            return Err(format!("it takes more than {} steps", self.limits.steps));
        }
        Ok(())
    }

    /// Counts bytes that a function has made.
    pub(super) fn charge(&mut self, bytes: usize) -> Exec<()> {
        self.made = self.made.saturating_add(bytes);
        let most = self.limits.output.saturating_mul(4);
        if self.made > most {
            return Err(format!("its values take more than {most} bytes"));
        }
        Ok(())
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Exec<T>) -> Exec<T> {
        if self.depth == MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn emit(&mut self, text: &str) -> Exec<()> {
        if self.out.len() + text.len() > self.limits.output {
            return Err(format!("its output is longer than {} bytes", self.limits.output));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn walk(&mut self, dot: &Val<'a>, nodes: &'a [Node]) -> Exec<Flow> {
        for node in nodes {
            self.step()?;
            let flow = match node {
                Node::Text(text) => {
                    self.emit(text)?;
                    Flow::Next
                }
                Node::Action(pipe) => {
                    let value = self.pipeline(dot, pipe)?;
                    if pipe.variables.is_empty() {
                        self.print(&value)?;
                    }
                    Flow::Next
                }
                Node::If(branches, otherwise) => {
                    self.deeper(|state| state.branch(dot, branches, otherwise, false))?
                }
                Node::With(branches, otherwise) => {
                    self.deeper(|state| state.branch(dot, branches, otherwise, true))?
                }
                Node::Range(pipe, body, otherwise) => {
                    self.deeper(|state| state.range(dot, pipe, body, otherwise))?
                }
                Node::Template(line, name, pipe) => {
                    self.line = *line;
                    self.deeper(|state| state.template(dot, name, pipe.as_ref()))?;
                    Flow::Next
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, value: &Val<'a>) -> Exec<()> {
        match value {
            Val::Missing | Val::Nil => self.emit("<no value>"),
            Val::Str(text) => self.emit(text),
            other => {
                let mut text = String::new();
                write_plain(&mut text, other)?;
                self.emit(&text)
            }
        }
    }

    fn branch(
        &mut self,
        dot: &Val<'a>,
        branches: &'a [Branch],
        otherwise: &'a [Node],
        moves_dot: bool,
    ) -> Exec<Flow> {
        let scope = self.variables.len();
        let mut taken = None;
        for (pipe, nodes) in branches {
            let value = self.pipeline(dot, pipe)?;
            if value.truth() {
                taken = Some((value, nodes));
                break;
            }
        }
        let flow = match taken {
            Some((value, nodes)) => self.walk(if moves_dot { &value } else { dot }, nodes),
            None => self.walk(dot, otherwise),
        }?;
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn range(
        &mut self,
        dot: &Val<'a>,
        pipe: &'a Pipe,
        body: &'a [Node],
        otherwise: &'a [Node],
    ) -> Exec<Flow> {
        let scope = self.variables.len();
        let over = self.pipeline(dot, pipe)?;
        let mut ran = false;
        let mut once = |state: &mut Self, index: Val<'a>, item: Val<'a>| {
            ran = true;
            state.iterate(pipe, body, index, &item)
        };
        let position = |index: usize| Val::Int(i64::try_from(index).unwrap_or(i64::MAX));
        match over {
            Val::Missing | Val::Nil => {}
            Val::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if once(self, position(index), Val::from_json(item))? == Flow::Break {
                        break;
                    }
                }
            }
            Val::Strings(items) => {
                for (index, item) in items.iter().enumerate() {
                    if once(self, position(index), Val::made(item.clone()))? == Flow::Break {
                        break;
                    }
                }
            }
            Val::Map(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                for (key, item) in entries {
                    if once(self, Val::borrowed(key), Val::from_json(item))? == Flow::Break {
                        break;
                    }
                }
            }
            Val::Int(count) => self.count(pipe, count, &mut once)?,
            Val::Byte(count) => self.count(pipe, count.into(), &mut once)?,
            other => return Err(format!("range cannot go over {}", other.described())),
        }
        let flow = if ran { Flow::Next } else { self.walk(dot, otherwise)? };
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn count(
        &mut self,
        pipe: &Pipe,
        count: i64,
        once: &mut impl FnMut(&mut Self, Val<'a>, Val<'a>) -> Exec<Flow>,
    ) -> Exec<()> {
        if pipe.variables.len() > 1 {
            return Err("range over an integer has one variable".to_owned());
        }
        for number in 0..count {
            if once(self, Val::Missing, Val::Int(number))? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    /// One round of a range. With one variable it is the item, with two the index comes first.
    fn iterate(
        &mut self,
        pipe: &'a Pipe,
        body: &'a [Node],
        index: Val<'a>,
        item: &Val<'a>,
    ) -> Exec<Flow> {
        self.step()?;
        let scope = self.variables.len();
        match pipe.variables.as_slice() {
            [] => {}
            [name] => self.assign(name, item.clone())?,
            [first, second, ..] => {
                self.assign(first, index)?;
                self.assign(second, item.clone())?;
            }
        }
        let flow = self.walk(item, body)?;
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn assign(&mut self, name: &str, value: Val<'a>) -> Exec<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => Err(format!("undefined variable {name}")),
        }
    }

    fn template(&mut self, dot: &Val<'a>, name: &str, pipe: Option<&'a Pipe>) -> Exec<()> {
        let defined = self.defined;
        let Some(nodes) = defined.get(name) else {
            return Err(format!("template {name:?} is not defined"));
        };
        let dot = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Val::Missing,
        };
        let outside = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        self.walk(&dot, nodes)?;
        self.variables = outside;
        Ok(())
    }

    fn pipeline(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> Exec<Val<'a>> {
        self.step()?;
        self.line = pipe.line;
        let mut value = None;
        for command in &pipe.commands {
            let given = value.take();
            value = Some(self.deeper(|state| state.command(dot, command, given))?.unwrapped());
        }
        let value = value.unwrap_or(Val::Missing);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// A command; `given` is what the command before it in the pipeline gave.
    fn command(
        &mut self,
        dot: &Val<'a>,
        operands: &'a [Expr],
        given: Option<Val<'a>>,
    ) -> Exec<Val<'a>> {
        let first = &operands[0];
        let function = match first {
            Expr::Function(function) => Some(*function),
            _ => None,
        };
        if let Some(function) = function {
            return self.call(dot, function, &operands[1..], given);
        }
        if operands.len() > 1 || given.is_some() {
            return Err("an argument is given to what is not a function".to_owned());
        }
        if matches!(first, Expr::Nil) {
            return Err("nil is not a command".to_owned());
        }
        self.operand(dot, first)
    }

    /// The value of an operand, as an argument or alone.
    pub(super) fn operand(&mut self, dot: &Val<'a>, expr: &'a Expr) -> Exec<Val<'a>> {
        Ok(match expr {
            Expr::Dot => dot.clone(),
            Expr::Nil => Val::Nil,
            Expr::Bool(truth) => Val::Bool(*truth),
            Expr::Int(number) => Val::Int(*number),
            Expr::Float(number) => Val::Float(*number),
            Expr::Str(text) => Val::borrowed(text),
            Expr::Field(names) => fields(dot.clone(), names)?,
            Expr::Variable(name, names) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                match found {
                    Some((_, value)) => fields(value.clone(), names)?,
                    None => return Err(format!("undefined variable {name}")),
                }
            }
            Expr::Chain(inner, names) => {
                let value = self.operand(dot, inner)?;
                fields(value, names)?
            }
            Expr::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Expr::Function(function) => {
                let function: Function = *function;
                self.deeper(|state| state.call(dot, function, &[], None))?
            }
        })
    }
}

/// Follows field names through maps. A key that is not there has no value, nor has any field of it.
fn fields<'a>(mut value: Val<'a>, names: &[String]) -> Exec<Val<'a>> {
    for name in names {
        value = match value {
            Val::Missing => Val::Missing,
            Val::Nil => return Err(format!("field {name} of null")),
            Val::Map(map) => map.get(name).map_or(Val::Missing, Val::from_json),
            other => return Err(format!("{} has no field {name}", other.described())),
        };
    }
    Ok(value)
}
