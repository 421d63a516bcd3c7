//! The functions that templates call.

use std::cell::Cell;
use std::rc::Rc;

use regex::Regex;
use serde_json::Value;

use super::compare::{equals_any, order};
use super::escape::{html, javascript, query};
use super::exec::{Exec, State};
use super::node::{Expr, Function};
use super::printf::{sprint, sprintf, sprintln};
use super::value::{Separator, Text, Val};
use crate::golang::{scan_int, write_json, write_string};
use crate::xml::{Document, Path};

impl<'a> State<'a> {
    /// Calls a function with operands and what the pipeline gave as the last argument.
    pub(super) fn call(
        &mut self,
        dot: &Val<'a>,
        function: Function,
        operands: &'a [Expr],
        given: Option<Val<'a>>,
    ) -> Exec<Val<'a>> {
        let named = |reason: String| format!("{}: {reason}", function.name());
        if matches!(function, Function::And | Function::Or) {
            return self.choose(dot, function, operands, given);
        }
        let mut args = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            args.push(self.operand(dot, operand)?);
        }
        args.extend(given);
        let (least, most) = arity(function);
        if args.len() < least || args.len() > most {
            let wanted =
                if most == usize::MAX { format!("at least {least}") } else { least.to_string() };
            return Err(named(format!("it takes {wanted} arguments, not {}", args.len())));
        }
        self.apply(function, &args).map_err(named)
    }

    /// `and` and `or`: the first argument that decides, else the last; the rest is not evaluated.
    fn choose(
        &mut self,
        dot: &Val<'a>,
        function: Function,
        operands: &'a [Expr],
        given: Option<Val<'a>>,
    ) -> Exec<Val<'a>> {
        let mut args = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            args.push(self.operand(dot, operand)?);
            if args.last().is_some_and(|arg| decides(function, arg)) {
                break;
            }
        }
        let undecided = !args.last().is_some_and(|arg| decides(function, arg));
        args.extend(given.filter(|_| undecided));
        args.pop()
            .ok_or_else(|| format!("{}: it takes at least 1 arguments, not 0", function.name()))
    }

    fn apply(&mut self, function: Function, args: &[Val<'a>]) -> Exec<Val<'a>> {
        let ordered = |wanted: fn(std::cmp::Ordering) -> bool| {
            order(&args[0], &args[1]).map(|found| Val::Bool(wanted(found)))
        };
        match function {
            Function::And | Function::Or => {
                let deciding = args.iter().find(|arg| decides(function, arg)).or(args.last());
                Ok(deciding.cloned().unwrap_or(Val::Missing))
            }
            Function::Call => call(args),
            Function::Eq => equals_any(&args[0], &args[1..]).map(Val::Bool),
            Function::Ne => equals_any(&args[0], &args[1..]).map(|equal| Val::Bool(!equal)),
            Function::Lt => ordered(std::cmp::Ordering::is_lt),
            Function::Le => ordered(std::cmp::Ordering::is_le),
            Function::Gt => ordered(std::cmp::Ordering::is_gt),
            Function::Ge => ordered(std::cmp::Ordering::is_ge),
            Function::Not => Ok(Val::Bool(!args[0].truth())),
            Function::Index => index(args),
            Function::Slice => slice(args),
            Function::Len => length(&args[0]),
            Function::Print => self.made(sprint(args)?),
            Function::Println => self.made(sprintln(args)?),
            Function::Printf => {
                let text = sprintf(string(&args[0])?, &args[1..], self.limits.output)?;
                self.made(text)
            }
            Function::Html => self.made(html(&operands_text(args)?)),
            Function::Js => self.made(javascript(&operands_text(args)?)),
            Function::UrlQuery => self.made(query(&operands_text(args)?)),
            Function::ToJson => self.json_text(&args[0]),
            Function::KindOf => Ok(Val::borrowed(args[0].kind())),
            Function::Plus1 => plus_one(&args[0]),
            Function::ToBool => Ok(Val::Bool(match &args[0] {
                Val::Str(text) => &**text == "true",
                Val::Bool(truth) => *truth,
                _ => false,
            })),
            Function::ToInt => Ok(Val::Int(match &args[0] {
                Val::Str(text) => scan_int(text),
                Val::Number(_) | Val::Float(_) => whole(&args[0]),
                _ => 0,
            })),
            Function::SafeIndex => safe_index(&args[0], string(&args[1])?),
            Function::Separator => Ok(Val::Separator(Rc::new(Separator {
                text: string(&args[0])?.into(),
                called: Cell::new(false),
            }))),
            Function::JsonMapFromString => self.json_map(string(&args[0])?),
            Function::RegexpFirstMatch => {
                let groups = self.matches(string(&args[0])?, string(&args[1])?)?;
                self.made(groups.into_iter().next().unwrap_or_default())
            }
            Function::RegexpAllMatches => {
                let groups = self.matches(string(&args[0])?, string(&args[1])?)?;
                Ok(Val::Strings(groups.into_iter().map(Rc::from).collect()))
            }
            Function::XPath => {
                let document = self.document(string(&args[0])?)?;
                let path = Path::parse(string(&args[1])?)?;
                let found = document.select(&path)?;
                let first = found.first().ok_or_else(|| format!("nothing is at {path}"))?;
                self.made(document.inner_text(*first))
            }
            Function::XPathAllOuter => {
                let document = self.document(string(&args[0])?)?;
                let path = Path::parse(string(&args[1])?)?;
                let mut texts: Vec<Rc<str>> = Vec::new();
                for node in document.select(&path)? {
                    let text = document.outer_xml(node);
                    self.charge(text.len())?;
                    texts.push(text.into());
                }
                Ok(Val::Strings(texts.into()))
            }
        }
    }

    fn made(&mut self, text: String) -> Exec<Val<'a>> {
        self.charge(text.len())?;
        Ok(Val::made(text))
    }

    fn json_text(&mut self, value: &Val<'a>) -> Exec<Val<'a>> {
        let mut out = String::new();
        match value {
            Val::Missing | Val::Nil => out.push_str("null"),
            Val::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Val::Int(number) => out.push_str(&number.to_string()),
            Val::Byte(number) => out.push_str(&number.to_string()),
            Val::Float(number) => out.push_str(&crate::golang::json_float(*number)),
            Val::Number(number) => crate::golang::write_number(&mut out, number),
            Val::Str(text) => write_string(&mut out, text),
            Val::Map(map) => crate::golang::write_map(&mut out, map),
            Val::List(items) => crate::golang::write_list(&mut out, items),
            Val::Strings(items) => {
                let items: Vec<Value> = items.iter().map(|item| Value::from(&**item)).collect();
                write_json(&mut out, &Value::Array(items));
            }
            Val::Separator(_) => return Err("a function is not JSON".to_owned()),
        }
        self.made(out)
    }

    fn json_map(&mut self, text: &str) -> Exec<Val<'a>> {
        // A decoded map takes several times the room of its text.
        self.charge(text.len())?;
        match serde_json::from_str(text) {
            Ok(Value::Null) => {
                Ok(Val::from_json(self.arena.alloc(Value::Object(serde_json::Map::new()))))
            }
            Ok(value @ Value::Object(_)) => Ok(Val::from_json(self.arena.alloc(value))),
            Ok(_) => Err("the text is JSON, but not an object".to_owned()),
            Err(error) => Err(format!("the text is not JSON: {error}")),
        }
    }

    fn document(&mut self, text: &str) -> Exec<Document> {
        self.charge(text.len())?;
        Document::parse(text)
    }

    /// The groups of the first match.
    fn matches(&mut self, text: &str, pattern: &str) -> Exec<Vec<String>> {
        // A pattern is compiled anew at each call; that is what a call costs.
        self.charge(pattern.len().saturating_mul(64))?;
        let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
        let groups = regex.captures(text).filter(|groups| groups.len() > 1);
        let Some(groups) = groups else { return Err(format!("nothing matches {pattern:?}")) };
        let texts: Vec<String> = groups
            .iter()
            .skip(1)
            .map(|group| group.map_or(String::new(), |group| group.as_str().to_owned()))
            .collect();
        self.charge(texts.iter().map(String::len).sum())?;
        Ok(texts)
    }
}

/// Whether `or` finds this true, or `and` false.
fn decides(function: Function, arg: &Val<'_>) -> bool {
    arg.truth() == (function == Function::Or)
}

/// Fewest and most arguments.
fn arity(function: Function) -> (usize, usize) {
    match function {
        Function::And
        | Function::Or
        | Function::Eq
        | Function::Call
        | Function::Index
        | Function::Slice
        | Function::Printf => (1, usize::MAX),
        Function::Print
        | Function::Println
        | Function::Html
        | Function::Js
        | Function::UrlQuery => (0, usize::MAX),
        Function::Ne
        | Function::Lt
        | Function::Le
        | Function::Gt
        | Function::Ge
        | Function::SafeIndex
        | Function::RegexpFirstMatch
        | Function::RegexpAllMatches
        | Function::XPath
        | Function::XPathAllOuter => (2, 2),
        Function::Not
        | Function::Len
        | Function::ToJson
        | Function::KindOf
        | Function::Plus1
        | Function::ToBool
        | Function::ToInt
        | Function::Separator
        | Function::JsonMapFromString => (1, 1),
    }
}

fn string<'v>(value: &'v Val<'_>) -> Exec<&'v str> {
    match value {
        Val::Str(text) => Ok(text),
        other => Err(format!("it wants a string, not {}", other.described())),
    }
}

/// What `html` and its kin escape: the arguments, printed.
fn operands_text(args: &[Val<'_>]) -> Exec<String> {
    let printable: Vec<Val<'_>> = args
        .iter()
        .map(|arg| if arg.is_nil() { Val::borrowed("<no value>") } else { arg.clone() })
        .collect();
    sprint(&printable)
}

fn call<'a>(args: &[Val<'a>]) -> Exec<Val<'a>> {
    match args {
        [Val::Separator(separator)] => {
            let first = !separator.called.replace(true);
            Ok(if first { Val::borrowed("") } else { Val::made(separator.text.clone()) })
        }
        [Val::Separator(_), ..] => Err("the function takes no arguments".to_owned()),
        _ => Err(format!("{} is not a function", args[0].described())),
    }
}

fn length<'a>(value: &Val<'a>) -> Exec<Val<'a>> {
    let length = match value {
        Val::Str(text) => text.len(),
        Val::Map(map) => map.len(),
        Val::List(items) => items.len(),
        Val::Strings(items) => items.len(),
        other => return Err(format!("{} has no length", other.described())),
    };
    Ok(Val::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// A position in something of this length; the end counts as one where things are cut.
fn position(value: &Val<'_>, length: usize) -> Exec<usize> {
    let number = match value {
        Val::Int(number) => *number,
        Val::Byte(number) => i64::from(*number),
        other => return Err(format!("a list has no element at {}", other.described())),
    };
    usize::try_from(number)
        .ok()
        .filter(|position| *position <= length)
        .ok_or_else(|| format!("{number} is not within a length of {length}"))
}

fn index<'a>(args: &[Val<'a>]) -> Exec<Val<'a>> {
    let mut item = args[0].clone();
    if item.is_nil() {
        return Err("null has no elements".to_owned());
    }
    for key in &args[1..] {
        let missing = |at: usize| format!("there is no element {at}");
        item = match &item {
            Val::Missing | Val::Nil => return Err("null has no elements".to_owned()),
            Val::Map(map) => match key {
                Val::Str(key) => map.get(&**key).map_or(Val::Nil, Val::from_json),
                other => return Err(format!("a map has no key that is {}", other.described())),
            },
            Val::List(items) => {
                let at = position(key, items.len())?;
                items.get(at).map(Val::from_json).ok_or_else(|| missing(at))?
            }
            Val::Strings(items) => {
                let at = position(key, items.len())?;
                items.get(at).map(|item| Val::made(item.clone())).ok_or_else(|| missing(at))?
            }
            Val::Str(text) => {
                let at = position(key, text.len())?;
                text.as_bytes().get(at).map(|byte| Val::Byte(*byte)).ok_or_else(|| missing(at))?
            }
            other => return Err(format!("{} has no elements", other.described())),
        };
    }
    Ok(item)
}

fn safe_index<'a>(map: &Val<'a>, key: &str) -> Exec<Val<'a>> {
    match map {
        Val::Missing | Val::Nil => Ok(Val::Nil),
        Val::Map(map) => Ok(map.get(key).map_or(Val::Nil, Val::from_json)),
        other => Err(format!("it wants a map, not {}", other.described())),
    }
}

fn slice<'a>(args: &[Val<'a>]) -> Exec<Val<'a>> {
    let length = match length(&args[0]) {
        Ok(Val::Int(length)) if !matches!(args[0], Val::Map(_)) => {
            usize::try_from(length).unwrap_or(0)
        }
        _ => return Err(format!("{} cannot be sliced", args[0].described())),
    };
    if args.len() > 4 || (args.len() == 4 && matches!(args[0], Val::Str(_))) {
        return Err("it takes too many positions".to_owned());
    }
    let mut ends = [0, length, length];
    for (end, arg) in ends.iter_mut().zip(&args[1..]) {
        *end = position(arg, length)?;
    }
    let [from, to, capacity] = ends;
    if from > to || to > capacity {
        return Err(format!("the positions {from}, {to} are not in order"));
    }
    let text = match &args[0] {
        Val::List(items) => return Ok(Val::List(&items[from..to])),
        Val::Strings(items) => return Ok(Val::Strings(items[from..to].into())),
        Val::Str(Text::Borrowed(text)) => text.get(from..to).map(Val::borrowed),
        Val::Str(Text::Made(text)) => text.get(from..to).map(Val::made),
        _ => None,
    };
    text.ok_or_else(|| format!("the positions {from}, {to} cut a character"))
}

/// The whole part of a number.
fn whole(value: &Val<'_>) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast saturates, which is what is wanted"
    )]
    match value {
        Val::Int(number) => *number,
        Val::Byte(number) => i64::from(*number),
        Val::Float(number) => *number as i64,
        Val::Number(number) => {
            number.as_i64().unwrap_or_else(|| number.as_f64().unwrap_or(0.0) as i64)
        }
        _ => 0,
    }
}

fn plus_one<'a>(value: &Val<'a>) -> Exec<Val<'a>> {
    let fraction = match value {
        Val::Int(_) | Val::Byte(_) => 0.0,
        Val::Float(number) => number.fract(),
        Val::Number(number) => number.as_f64().unwrap_or(0.5).fract(),
        _ => 0.5,
    };
    if fraction != 0.0 {
        return Err(format!("it wants an integer, not {}", value.described()));
    }
    Ok(Val::Int(whole(value).wrapping_add(1)))
}
