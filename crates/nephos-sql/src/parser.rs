//! Statements.

use sqlparser::ast::{Expr, Statement as SqlStatement};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

use crate::exec::{exec, lift};
use crate::token::{Tokens, is, is_word, spaced};
use crate::{
    Exec, Filter, Name, NamePart, NephosDialect, ShowTarget, Statement, StatementKind, SyntaxError,
};

/// Deeper nesting is refused, as each level costs stack.
const MAX_DEPTH: usize = 100;
/// So is a longer chain of operators: it is a tree as deep as it is long.
const MAX_OPERATORS: usize = 2_000;

/// Reads all statements of a text; empty ones are skipped.
pub fn parse(text: &str) -> Result<Vec<Statement>, SyntaxError> {
    let tokens = Tokens::read(text)?;
    tokens
        .list
        .split(|token| token.token == Token::SemiColon)
        .filter(|part| !part.is_empty())
        .map(|part| statement(&tokens, part))
        .collect()
}

fn statement(text: &Tokens<'_>, tokens: &[TokenWithSpan]) -> Result<Statement, SyntaxError> {
    check_size(text, tokens)?;
    let mut execs = Vec::new();
    let first = tokens.first();
    let kind = if is_word(first, "show") {
        show(text, tokens, &mut execs)?
    } else if is_word(first, "describe") || is_word(first, "desc") {
        describe(text, tokens)?
    } else if is_word(first, "exec") {
        StatementKind::Exec(Box::new(exec(text, tokens, &mut execs)?))
    } else if is_word(first, "set") && is_word(tokens.get(1), "variable") {
        set_variable(text, tokens, &mut execs)?
    } else {
        sql(text, tokens, &mut execs)?
    };
    Ok(Statement { kind, execs, span: text.span_of(tokens) })
}

/// Refuses what would not fit on the stack.
fn check_size(text: &Tokens<'_>, tokens: &[TokenWithSpan]) -> Result<(), SyntaxError> {
    let chains = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => {
            ["AND", "OR", "UNION", "EXCEPT", "INTERSECT", "JOIN"]
                .iter()
                .any(|chain| word.value.eq_ignore_ascii_case(chain))
        }
        Token::StringConcat | Token::Plus | Token::Minus | Token::Mul | Token::Div => true,
        _ => false,
    };
    if tokens.iter().filter(|token| chains(token)).count() > MAX_OPERATORS {
        return Err(SyntaxError::new(
            format!("the statement chains more than {MAX_OPERATORS} operators"),
            text.span(&tokens[0]),
        )
        .hint("many alternatives of one column are one IN list"));
    }
    let (mut depth, mut deepest) = (0usize, 0usize);
    for token in tokens {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > MAX_DEPTH {
        return Err(SyntaxError::new(
            format!("the statement nests deeper than {MAX_DEPTH} levels"),
            text.span(&tokens[0]),
        ));
    }
    Ok(())
}

fn show(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<StatementKind, SyntaxError> {
    let extended = is_word(tokens.get(1), "extended");
    let at = if extended { 2 } else { 1 };
    let targets = [
        ("providers", ShowTarget::Providers),
        ("services", ShowTarget::Services),
        ("resources", ShowTarget::Resources),
        ("methods", ShowTarget::Methods),
    ];
    let Some((word, target)) = targets.into_iter().find(|(word, _)| is_word(tokens.get(at), word))
    else {
        return Err(unexpected(text, tokens, at, "PROVIDERS, SERVICES, RESOURCES or METHODS"));
    };
    let (within, mut at) = if target == ShowTarget::Providers {
        (Name::default(), at + 1)
    } else {
        if !is_word(tokens.get(at + 1), "in") && !is_word(tokens.get(at + 1), "from") {
            return Err(unexpected(text, tokens, at + 1, "IN and a name"));
        }
        name(text, tokens, at + 2)?
    };
    if within.parts.len() != target.depth() {
        let shape = ["provider", "service", "resource"][..target.depth()].join(".");
        return Err(SyntaxError::new(
            format!("SHOW {} needs {shape}, found {within}", word.to_uppercase()),
            within.span(),
        ));
    }
    // The keyword may stand behind the name as well: SHOW METHODS IN a.b.c EXTENDED.
    let trailing = is_word(tokens.get(at), "extended");
    at += usize::from(trailing);
    let filter = match tokens.get(at) {
        None => None,
        Some(_) if is_word(tokens.get(at), "like") => match tokens.get(at + 1).map(|t| &t.token) {
            Some(Token::SingleQuotedString(pattern)) if at + 2 == tokens.len() => {
                Some(Filter::Like(pattern.clone()))
            }
            _ => return Err(unexpected(text, tokens, at + 1, "one pattern in quotes")),
        },
        Some(_) if is_word(tokens.get(at), "where") => {
            Some(Filter::Where(Box::new(expression(text, &tokens[at + 1..], execs)?)))
        }
        Some(_) => {
            return Err(unexpected(text, tokens, at, "LIKE, WHERE or the end of the statement"));
        }
    };
    Ok(StatementKind::Show { target, within, extended: extended || trailing, filter })
}

fn describe(text: &Tokens<'_>, tokens: &[TokenWithSpan]) -> Result<StatementKind, SyntaxError> {
    let mut at = 1;
    let mut extended = is_word(tokens.get(at), "extended");
    at += usize::from(extended);
    let method = is_word(tokens.get(at), "method") && !is(tokens.get(at + 1), &Token::Period);
    at += usize::from(method);
    if method && is_word(tokens.get(at), "extended") {
        extended = true;
        at += 1;
    }
    let (name, end) = name(text, tokens, at)?;
    if end < tokens.len() {
        return Err(unexpected(text, tokens, end, "the end of the statement"));
    }
    let (depth, shape) = if method {
        (4, "provider.service.resource.method")
    } else {
        (3, "provider.service.resource")
    };
    if name.parts.len() != depth {
        return Err(SyntaxError::new(
            format!("DESCRIBE{} needs {shape}, found {name}", if method { " METHOD" } else { "" }),
            name.span(),
        ));
    }
    Ok(if method {
        StatementKind::DescribeMethod { name, extended }
    } else {
        StatementKind::Describe { name, extended }
    })
}

fn set_variable(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<StatementKind, SyntaxError> {
    let Some(Token::Word(Word { value: name, .. })) = tokens.get(2).map(|t| &t.token) else {
        return Err(unexpected(text, tokens, 2, "the name of a variable"));
    };
    if !is(tokens.get(3), &Token::Eq) {
        return Err(unexpected(text, tokens, 3, "= and a value"));
    }
    let value = expression(text, &tokens[4..], execs)?;
    Ok(StatementKind::SetVariable { name: name.clone(), value: Box::new(value) })
}

fn sql(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<StatementKind, SyntaxError> {
    let mut lifted = lift(text, tokens, execs)?;
    // REPLACE .. SET is UPDATE with another verb; REPLACE INTO is not ours.
    let replace = is_word(tokens.first(), "replace") && !is_word(tokens.get(1), "into");
    if replace && let Some(first) = lifted.first_mut() {
        first.token = Token::make_keyword("UPDATE");
    }
    let mut parser = parser(&lifted);
    let parsed = parser.parse_statement().map_err(|error| place(text, tokens, error))?;
    rest(text, tokens, &parser)?;
    match parsed {
        SqlStatement::Update(update) => {
            Ok(StatementKind::Update { update: Box::new(update), replace })
        }
        SqlStatement::Query(query) => Ok(StatementKind::Query(query)),
        SqlStatement::Insert(insert) => Ok(StatementKind::Insert(Box::new(insert))),
        SqlStatement::Delete(delete) => Ok(StatementKind::Delete(Box::new(delete))),
        other => {
            let words = other.to_string();
            let verb = words.split_whitespace().next().unwrap_or_default().to_uppercase();
            Err(SyntaxError::new(format!("{verb} is not supported"), text.span(&tokens[0])).hint(
                "statements are SHOW, DESCRIBE, SELECT, INSERT, UPDATE, REPLACE, DELETE, EXEC and \
                 SET VARIABLE",
            ))
        }
    }
}

/// Reads an expression that takes all of `tokens`.
pub(crate) fn expression(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<Expr, SyntaxError> {
    if tokens.is_empty() {
        return Err(SyntaxError::new("expected a value, found the end", text.span_of(tokens)));
    }
    let lifted = lift(text, tokens, execs)?;
    let mut parser = parser(&lifted);
    let expr = parser.parse_expr().map_err(|error| place(text, tokens, error))?;
    rest(text, tokens, &parser)?;
    Ok(expr)
}

/// Reads a dotted name from `at`; the second value is the index behind it.
pub(crate) fn name(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    at: usize,
) -> Result<(Name, usize), SyntaxError> {
    let mut name = Name::default();
    let mut at = at;
    loop {
        match tokens.get(at).map(|t| &t.token) {
            Some(Token::Word(word)) => {
                name.parts
                    .push(NamePart { text: word.value.clone(), span: text.span(&tokens[at]) });
            }
            _ => return Err(unexpected(text, tokens, at, "a name")),
        }
        at += 1;
        if !is(tokens.get(at), &Token::Period) {
            return Ok((name, at));
        }
        at += 1;
    }
}

fn parser(tokens: &[TokenWithSpan]) -> Parser<'static> {
    Parser::new(&NephosDialect)
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens_with_locations(spaced(tokens))
}

/// Fails when the parser left something over.
fn rest(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    parser: &Parser<'_>,
) -> Result<(), SyntaxError> {
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(());
    }
    let at = tokens.iter().position(|t| t.span == next.span).unwrap_or(tokens.len());
    Err(unexpected(text, tokens, at, "the end of the statement"))
}

fn unexpected(text: &Tokens<'_>, tokens: &[TokenWithSpan], at: usize, wanted: &str) -> SyntaxError {
    let Some(token) = tokens.get(at) else {
        let end = text.span_of(tokens).end;
        return SyntaxError::new(format!("expected {wanted}, found the end"), end..end);
    };
    SyntaxError::new(format!("expected {wanted}, found {}", token.token), text.span(token))
}

/// Turns the parser's message, which ends in a place written as text, into a message and a span.
fn place(text: &Tokens<'_>, tokens: &[TokenWithSpan], error: ParserError) -> SyntaxError {
    let all = text.span_of(tokens);
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => {
            return SyntaxError::new(
                format!("the statement nests deeper than {MAX_DEPTH} levels"),
                all,
            );
        }
    };
    let (message, span) = match located(&message) {
        Some((short, location)) => {
            let at = text.offset(location);
            let token = tokens.iter().map(|t| text.span(t)).find(|span| span.start == at);
            (short, token.unwrap_or(at..at))
        }
        None => (message.as_str(), all.end..all.end),
    };
    let message = message
        .strip_prefix("Expected: ")
        .map_or_else(|| message.to_owned(), |rest| format!("expected {rest}"))
        .replace("found: EOF", "found the end")
        .replace("found: ", "found ");
    SyntaxError::new(message, span)
}

/// Splits `message at Line: 1, Column: 8`.
fn located(message: &str) -> Option<(&str, Location)> {
    let (short, rest) = message.rsplit_once(" at Line: ")?;
    let (line, column) = rest.split_once(", Column: ")?;
    Some((short, Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? }))
}
