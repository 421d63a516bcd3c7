//! Tokens to a tree, by the rules of Go's `text/template/parse/parse.go`.

use std::collections::HashMap;

use super::Template;
use super::lex::{Kind, Token, lex};
use super::node::{Branch, Expr, Function, Node, Pipe};
use crate::TransformError;
use crate::golang::{Constant, constant, unquote};

/// How deep blocks and parentheses may nest together. Real templates nest four deep.
const MAX_DEPTH: usize = 64;

struct Parser<'s> {
    tokens: Vec<Token<'s>>,
    at: usize,
    /// Variables in scope, `$` first.
    variables: Vec<&'s str>,
    defined: HashMap<String, Vec<Node>>,
    ranges: usize,
    depth: usize,
}

type Parsed<T> = Result<T, TransformError>;

/// What ended a list of nodes.
#[derive(PartialEq, Eq)]
enum Ended {
    End,
    Else,
}

pub(super) fn parse(source: &str) -> Parsed<Template> {
    let tokens = lex(source).map_err(|(line, reason)| TransformError::Parse { line, reason })?;
    let mut parser = Parser {
        tokens,
        at: 0,
        variables: vec!["$"],
        defined: HashMap::new(),
        ranges: 0,
        depth: 0,
    };
    let mut root = Vec::new();
    while parser.peek().kind != Kind::End {
        if parser.peek().kind == Kind::Left && parser.second().text == "define" {
            parser.next();
            parser.next_word();
            parser.definition()?;
            continue;
        }
        match parser.text_or_action()? {
            Piece::Node(node) => root.push(node),
            Piece::Ended(ended) => return parser.fail(ended.unexpected()),
        }
    }
    Ok(Template { root, defined: parser.defined })
}

enum Piece {
    Node(Node),
    Ended(Ended),
}

impl Ended {
    fn unexpected(&self) -> &'static str {
        match self {
            Self::End => "unexpected {{end}}",
            Self::Else => "unexpected {{else}}",
        }
    }
}

impl<'s> Parser<'s> {
    fn peek(&self) -> Token<'s> {
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token<'s> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn skip_spaces(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    fn peek_word(&mut self) -> Token<'s> {
        self.skip_spaces();
        self.peek()
    }

    fn next_word(&mut self) -> Token<'s> {
        self.skip_spaces();
        self.next()
    }

    /// The word after a delimiter that comes next.
    fn second(&self) -> Token<'s> {
        let after = &self.tokens[self.at + 1..];
        *after.iter().find(|t| t.kind != Kind::Space).unwrap_or(&self.tokens[self.at])
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        let line = self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)].line;
        Err(TransformError::Parse { line, reason: reason.into() })
    }

    fn unexpected<T>(&self, token: Token<'_>, context: &str) -> Parsed<T> {
        match token.kind {
            Kind::End => self.fail(format!("the template ends in {context}")),
            _ => self.fail(format!("unexpected {:?} in {context}", token.text)),
        }
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'s>> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { self.unexpected(token, context) }
    }

    /// One level deeper, for as long as `inner` runs.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return self.fail(format!("it nests deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn text_or_action(&mut self) -> Parsed<Piece> {
        let token = self.next();
        match token.kind {
            Kind::Text => Ok(Piece::Node(Node::Text(token.text.to_owned()))),
            Kind::Left => self.action(),
            _ => self.unexpected(token, "input"),
        }
    }

    /// Nodes up to an `end` or `else`.
    fn list(&mut self) -> Parsed<(Vec<Node>, Ended)> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::End {
            match self.text_or_action()? {
                Piece::Node(node) => nodes.push(node),
                Piece::Ended(ended) => return Ok((nodes, ended)),
            }
        }
        self.fail("{{end}} is missing")
    }

    fn action(&mut self) -> Parsed<Piece> {
        let word = self.peek_word();
        if word.kind == Kind::Keyword && word.text != "nil" {
            self.next();
            return match word.text {
                "end" => {
                    self.expect(Kind::Right, "end")?;
                    Ok(Piece::Ended(Ended::End))
                }
                "else" => {
                    let next = self.peek_word();
                    if !(next.kind == Kind::Keyword && matches!(next.text, "if" | "with")) {
                        self.expect(Kind::Right, "else")?;
                    }
                    Ok(Piece::Ended(Ended::Else))
                }
                keyword => self.nested(|parser| parser.control(keyword)).map(Piece::Node),
            };
        }
        let pipe = self.pipeline("command", Kind::Right)?;
        Ok(Piece::Node(Node::Action(pipe)))
    }

    fn control(&mut self, keyword: &str) -> Parsed<Node> {
        match keyword {
            "if" => {
                let (branches, otherwise) = self.branches("if")?;
                Ok(Node::If(branches, otherwise))
            }
            "with" => {
                let (branches, otherwise) = self.branches("with")?;
                Ok(Node::With(branches, otherwise))
            }
            "range" => self.range(),
            "template" => self.template(),
            "block" => self.block(),
            "break" | "continue" => {
                self.expect(Kind::Right, keyword)?;
                if self.ranges == 0 {
                    return self.fail(format!("{{{{{keyword}}}}} outside {{{{range}}}}"));
                }
                Ok(if keyword == "break" { Node::Break } else { Node::Continue })
            }
            _ => self.fail(format!("unexpected {keyword}")),
        }
    }

    /// The branches of an `if` or `with` and the `else`, however long the chain.
    fn branches(&mut self, keyword: &str) -> Parsed<(Vec<Branch>, Vec<Node>)> {
        let scope = self.variables.len();
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let pipe = self.pipeline(keyword, Kind::Right)?;
            let (nodes, ended) = self.list()?;
            branches.push((pipe, nodes));
            if ended == Ended::End {
                break;
            }
            let next = self.peek_word();
            if next.kind == Kind::Keyword && next.text == keyword {
                self.next();
                continue;
            }
            if next.kind == Kind::Keyword {
                return self.unexpected(next, "else");
            }
            let (nodes, ended) = self.list()?;
            if ended == Ended::Else {
                return self.fail("a second {{else}}");
            }
            otherwise = nodes;
            break;
        }
        self.variables.truncate(scope);
        Ok((branches, otherwise))
    }

    fn range(&mut self) -> Parsed<Node> {
        let scope = self.variables.len();
        let pipe = self.pipeline("range", Kind::Right)?;
        self.ranges += 1;
        let listed = self.list();
        self.ranges -= 1;
        let (body, mut ended) = listed?;
        let mut otherwise = Vec::new();
        if ended == Ended::Else {
            let next = self.peek_word();
            if next.kind == Kind::Keyword {
                return self.unexpected(next, "else");
            }
            (otherwise, ended) = self.list()?;
            if ended == Ended::Else {
                return self.fail("a second {{else}}");
            }
        }
        self.variables.truncate(scope);
        Ok(Node::Range(pipe, body, otherwise))
    }

    fn name(&mut self, context: &str) -> Parsed<String> {
        let token = self.next_word();
        match token.kind {
            Kind::Quoted | Kind::Raw => self.string(token),
            _ => self.unexpected(token, context),
        }
    }

    fn template(&mut self) -> Parsed<Node> {
        let line = self.peek().line;
        let name = self.name("template clause")?;
        let pipe = if self.peek_word().kind == Kind::Right {
            self.next();
            None
        } else {
            Some(self.pipeline("template clause", Kind::Right)?)
        };
        Ok(Node::Template(line, name, pipe))
    }

    fn block(&mut self) -> Parsed<Node> {
        let line = self.peek().line;
        let name = self.name("block clause")?;
        let pipe = self.pipeline("block clause", Kind::Right)?;
        self.body(name.clone(), "block clause")?;
        Ok(Node::Template(line, name, Some(pipe)))
    }

    fn definition(&mut self) -> Parsed<()> {
        let name = self.name("define clause")?;
        self.expect(Kind::Right, "define clause")?;
        self.body(name, "define clause")
    }

    /// The body of a template of its own, which sees no variables from outside.
    fn body(&mut self, name: String, context: &str) -> Parsed<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$"]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, ended) = self.nested(Self::list)?;
        self.variables = variables;
        self.ranges = ranges;
        if ended == Ended::Else {
            return self.fail(format!("unexpected {{{{else}}}} in {context}"));
        }
        let is_empty = |nodes: &[Node]| {
            nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.defined.get(&name) {
            Some(earlier) if !is_empty(earlier) => {
                if !is_empty(&nodes) {
                    return self.fail(format!("template {name:?} is defined twice"));
                }
            }
            _ => {
                self.defined.insert(name, nodes);
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let line = self.peek_word().line;
        let mut pipe = Pipe { line, variables: Vec::new(), assigns: false, commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.peek_word();
            if token.kind == end {
                self.next();
                break;
            }
            match token.kind {
                Kind::Quoted
                | Kind::Raw
                | Kind::Variable
                | Kind::Field
                | Kind::Dot
                | Kind::Identifier
                | Kind::Number
                | Kind::Character
                | Kind::LeftParen => {}
                Kind::Keyword if token.text == "nil" => {}
                _ => {
                    self.next();
                    return self.unexpected(token, context);
                }
            }
            let command = self.command()?;
            pipe.commands.push(command);
        }
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        let literal = |command: &Vec<Expr>| {
            !matches!(
                command[0],
                Expr::Field(_)
                    | Expr::Variable(..)
                    | Expr::Chain(..)
                    | Expr::Pipe(_)
                    | Expr::Function(_)
            )
        };
        if pipe.commands[1..].iter().any(literal) {
            return self.fail("a pipe leads into a value, which is not a function");
        }
        Ok(pipe)
    }

    /// `$a :=`, `$a =` or, in a range, `$a, $b :=`, if the pipeline begins so.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        while self.peek_word().kind == Kind::Variable {
            let start = self.at;
            let variable = self.next().text;
            let next = self.next_word();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assigns = next.kind == Kind::Assign;
                    pipe.variables.push(variable.to_owned());
                    self.variables.push(variable);
                    return Ok(());
                }
                Kind::Comma if context == "range" && pipe.variables.is_empty() => {
                    pipe.variables.push(variable.to_owned());
                    self.variables.push(variable);
                    if !matches!(self.peek_word().kind, Kind::Variable | Kind::Right) {
                        return self.fail("range can only initialize variables");
                    }
                }
                Kind::Comma => return self.fail(format!("too many declarations in {context}")),
                _ => {
                    self.at = start;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Vec<Expr>> {
        let mut operands = Vec::new();
        loop {
            self.skip_spaces();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::Right | Kind::RightParen => {
                    self.at -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(token, "operand"),
            }
        }
        if operands.is_empty() { self.fail("empty command") } else { Ok(operands) }
    }

    /// A term and the fields that follow it.
    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text[1..].to_owned());
        }
        if fields.is_empty() {
            return Ok(Some(term));
        }
        Ok(Some(match term {
            Expr::Field(mut names) => {
                names.append(&mut fields);
                Expr::Field(names)
            }
            Expr::Variable(name, _) => Expr::Variable(name, fields),
            Expr::Function(_) | Expr::Pipe(_) => Expr::Chain(Box::new(term), fields),
            _ => return self.fail("unexpected . after a constant"),
        }))
    }

    fn term(&mut self) -> Parsed<Option<Expr>> {
        self.skip_spaces();
        let token = self.next();
        Ok(Some(match token.kind {
            Kind::Identifier if token.text == "true" || token.text == "false" => {
                Expr::Bool(token.text == "true")
            }
            Kind::Identifier => match Function::of(token.text) {
                Some(function) => Expr::Function(function),
                None => return self.undefined(token.text),
            },
            Kind::Keyword if token.text == "nil" => Expr::Nil,
            Kind::Dot => Expr::Dot,
            Kind::Field => Expr::Field(vec![token.text[1..].to_owned()]),
            Kind::Variable => {
                if !self.variables.contains(&token.text) {
                    return self.fail(format!("undefined variable {:?}", token.text));
                }
                Expr::Variable(token.text.to_owned(), Vec::new())
            }
            Kind::Number | Kind::Character => match constant(token.text) {
                Some(Constant::Int(number)) => Expr::Int(number),
                Some(Constant::Float(number)) => Expr::Float(number),
                None => return self.fail(format!("{} is not a number", token.text)),
            },
            Kind::LeftParen => Expr::Pipe(
                self.nested(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?,
            ),
            Kind::Quoted | Kind::Raw => Expr::Str(self.string(token)?),
            _ => {
                self.at -= 1;
                return Ok(None);
            }
        }))
    }

    fn string(&self, token: Token<'_>) -> Parsed<String> {
        let inner = &token.text[1..token.text.len() - 1];
        if token.kind == Kind::Raw {
            return Ok(inner.replace('\r', ""));
        }
        match unquote(inner) {
            Some(text) => Ok(text),
            None => self.fail(format!("{} is not a string", token.text)),
        }
    }

    fn undefined<T>(&self, name: &str) -> Parsed<T> {
        let nearest = Function::NAMES.iter().min_by_key(|known| strsim::levenshtein(known, name));
        let nearest = nearest.map(|n| format!("; the nearest is {n}")).unwrap_or_default();
        self.fail(format!("function {name:?} is not defined{nearest}"))
    }
}
