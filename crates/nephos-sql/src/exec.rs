//! EXEC: arguments, payload, and calls inside other statements.

use sqlparser::ast::Expr;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::parser::{expression, name};
use crate::token::{Tokens, closing, is, is_word};
use crate::{Exec, ExecArg, Payload, PayloadKind, SyntaxError};

/// Prefix of the relation that stands for a call: `$exec0`, `$exec1`, ..
pub const EXEC_RELATION: &str = "$exec";

/// The index of the call that a relation of this name stands for.
pub fn exec_index(relation: &str) -> Option<usize> {
    relation.strip_prefix(EXEC_RELATION)?.parse().ok()
}

/// Replaces every `(EXEC ..)` by `(SELECT * FROM "$execN")` and collects the calls.
pub(crate) fn lift(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        // `(exec)` alone is a column of that name.
        let starts = is(tokens.get(at), &Token::LParen)
            && is_word(tokens.get(at + 1), "exec")
            && matches!(tokens.get(at + 2).map(|t| &t.token), Some(Token::Word(_)));
        if !starts {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = closing(tokens, at).ok_or_else(|| {
            SyntaxError::new("this parenthesis is never closed", text.span(&tokens[at]))
        })?;
        let call = exec(text, &tokens[at + 1..end], execs)?;
        let relation = format!("{EXEC_RELATION}{}", execs.len());
        execs.push(call);
        let span = tokens[at + 1].span;
        let mut push = |token: Token| out.push(TokenWithSpan { token, span });
        push(Token::LParen);
        push(Token::make_keyword("SELECT"));
        push(Token::Mul);
        push(Token::make_keyword("FROM"));
        push(Token::make_word(&relation, Some('"')));
        push(Token::RParen);
        at = end + 1;
    }
    Ok(out)
}

/// Reads a call; `tokens[0]` is the word EXEC.
pub(crate) fn exec(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<Exec, SyntaxError> {
    let span = text.span_of(tokens);
    let (method, mut at) = name(text, tokens, 1)?;
    if method.parts.len() != 4 {
        return Err(SyntaxError::new(
            format!(
                "EXEC needs provider.service.resource.method, this name has {} parts",
                method.parts.len()
            ),
            method.span(),
        )
        .hint("EXEC aws.s3.parts.parts_List @Key='k', @uploadId='u', @bucket='b', @region='r'"));
    }
    let mut args: Vec<ExecArg> = Vec::new();
    let mut payload = None;
    while at < tokens.len() {
        let comma = is(tokens.get(at), &Token::Comma);
        if comma {
            at += 1;
        }
        let here = || text.span_of(&tokens[at.min(tokens.len() - 1)..]);
        if is(tokens.get(at), &Token::AtAt) {
            let end = tokens.len();
            payload = Some(read_payload(text, &tokens[at..end], execs)?);
            break;
        }
        if !is(tokens.get(at), &Token::AtSign) {
            let found = tokens.get(at).map_or("the end".to_owned(), |t| t.token.to_string());
            let at_end = tokens.get(at).map_or_else(here, |t| text.span(t));
            return Err(SyntaxError::new(
                format!("expected an argument such as @name = value, found {found}"),
                at_end,
            ));
        }
        if !comma && !args.is_empty() {
            return Err(SyntaxError::new(
                "expected a comma before this argument",
                text.span(&tokens[at]),
            ));
        }
        let end = argument_end(tokens, at + 1);
        let (argument, span) = argument_name(text, tokens, at)?;
        let value = value(text, &tokens[at + 2..end], execs)?;
        if args.iter().any(|arg| arg.name == argument) {
            return Err(SyntaxError::new(format!("argument @{argument} is given twice"), span));
        }
        args.push(ExecArg { name: argument, value, span });
        at = end;
    }
    Ok(Exec { method, args, payload, span })
}

/// The word after `@` or `@@` at `at`.
fn argument_name(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    at: usize,
) -> Result<(String, std::ops::Range<usize>), SyntaxError> {
    match tokens.get(at + 1).map(|t| &t.token) {
        Some(Token::Word(Word { value, .. })) => {
            Ok((value.clone(), text.span_of(&tokens[at..=at + 1])))
        }
        _ => Err(SyntaxError::new("expected a name after @", text.span(&tokens[at]))
            .hint("a name with dashes is quoted: @\"max-parts\" = 10")),
    }
}

/// Index after the value that starts behind `from`: the next comma or `@` outside parentheses.
fn argument_end(tokens: &[TokenWithSpan], from: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(from) {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Comma | Token::AtSign | Token::AtAt if depth == 0 => return index,
            _ => {}
        }
    }
    tokens.len()
}

/// `= expression`.
fn value(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<Expr, SyntaxError> {
    if !is(tokens.first(), &Token::Eq) {
        return Err(SyntaxError::new(
            "expected = and a value",
            text.span_of(&tokens[..tokens.len().min(1)]),
        ));
    }
    expression(text, &tokens[1..], execs)
}

/// `@@kind = expression [OFFSET expression] [LENGTH expression]`.
fn read_payload(
    text: &Tokens<'_>,
    tokens: &[TokenWithSpan],
    execs: &mut Vec<Exec>,
) -> Result<Payload, SyntaxError> {
    let (kind, span) = argument_name(text, tokens, 0)?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "json" => PayloadKind::Json,
        "xml" => PayloadKind::Xml,
        "body" => PayloadKind::Body,
        "file" => PayloadKind::File,
        other => {
            return Err(SyntaxError::new(format!("@@{other} is not a payload"), span)
                .hint("payloads are @@json, @@xml, @@body and @@file"));
        }
    };
    let mut depth = 0usize;
    let (mut offset_at, mut length_at) = (None, None);
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma | Token::AtSign if depth == 0 => {
                return Err(SyntaxError::new(
                    "the payload is the last thing of a call: nothing may follow it",
                    text.span(token),
                ));
            }
            Token::AtAt if depth == 0 && index > 0 => {
                return Err(SyntaxError::new("a call has one payload", text.span(token)));
            }
            _ if depth == 0 && kind == PayloadKind::File && index > 3 => {
                if is_word(Some(token), "offset") && offset_at.is_none() {
                    offset_at = Some(index);
                } else if is_word(Some(token), "length") && length_at.is_none() {
                    length_at = Some(index);
                }
            }
            _ => {}
        }
    }
    let end_of = |from: usize| {
        [offset_at, length_at, Some(tokens.len())]
            .into_iter()
            .flatten()
            .filter(|index| *index > from)
            .min()
            .unwrap_or(tokens.len())
    };
    let value = value(text, &tokens[2..end_of(2)], execs)?;
    let mut part = |at: Option<usize>| -> Result<Option<Expr>, SyntaxError> {
        at.map(|at| expression(text, &tokens[at + 1..end_of(at)], execs)).transpose()
    };
    Ok(Payload {
        kind,
        value,
        offset: part(offset_at)?,
        length: part(length_at)?,
        span: text.span_of(tokens),
    })
}
