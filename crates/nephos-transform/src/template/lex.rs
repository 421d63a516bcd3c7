//! Text to tokens, by the rules of Go's `text/template/parse/lex.go`.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Left,
    Right,
    Space,
    Assign,
    Declare,
    Pipe,
    Comma,
    Quoted,
    Raw,
    Variable,
    Field,
    Dot,
    Identifier,
    Keyword,
    Number,
    Character,
    LeftParen,
    RightParen,
    End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    pub(super) text: &'s str,
    pub(super) line: usize,
}

const KEYWORDS: [&str; 11] = [
    "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with",
];

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'s>>,
}

type Failure = (usize, String);

/// All tokens of a template, ending with `End`; or the line and what is wrong there.
pub(super) fn lex(source: &str) -> Result<Vec<Token<'_>>, Failure> {
    let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new() };
    while lexer.at < source.len() {
        lexer.text()?;
    }
    lexer.push(Kind::End, 0);
    Ok(lexer.tokens)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// A right delimiter: its length, and whether it trims.
fn right_delimiter(rest: &str) -> Option<(usize, bool)> {
    if rest.starts_with("}}") {
        return Some((2, false));
    }
    let trims = rest.starts_with(is_space) && rest[1..].starts_with("-}}");
    trims.then_some((4, true))
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// Moves on by `length` bytes and keeps them as a token.
    fn push(&mut self, kind: Kind, length: usize) {
        let text = &self.source[self.at..self.at + length];
        self.tokens.push(Token { kind, text, line: self.line });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        let text = &self.source[self.at..self.at + length];
        self.line += text.bytes().filter(|b| *b == b'\n').count();
        self.at += length;
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, Failure> {
        Err((self.line, reason.into()))
    }

    /// Text up to the next action, and that action.
    fn text(&mut self) -> Result<(), Failure> {
        let rest = self.rest();
        let Some(mut length) = rest.find("{{") else {
            self.push(Kind::Text, rest.len());
            return Ok(());
        };
        // No action begins with a brace: the outer ones are text, as AWS's documents mean them.
        while rest[length + 2..].starts_with('{') {
            length += 1;
        }
        let after = &rest[length + 2..];
        let trims = after.starts_with('-') && after[1..].starts_with(is_space);
        let kept = if trims { rest[..length].trim_end_matches(is_space).len() } else { length };
        if kept > 0 {
            self.push(Kind::Text, kept);
        }
        self.skip(length - kept);
        let marker = if trims { 2 } else { 0 };
        if after[marker..].starts_with("/*") {
            return self.comment(2 + marker);
        }
        self.push(Kind::Left, 2);
        self.skip(marker);
        self.action()
    }

    fn comment(&mut self, opening: usize) -> Result<(), Failure> {
        self.skip(opening);
        let Some(end) = self.rest()[2..].find("*/") else { return self.fail("unclosed comment") };
        self.skip(2 + end + 2);
        let Some((length, trims)) = right_delimiter(self.rest()) else {
            return self.fail("comment ends before closing delimiter");
        };
        self.skip(length);
        self.trim(trims);
        Ok(())
    }

    fn trim(&mut self, trims: bool) {
        if trims {
            let rest = self.rest();
            self.skip(rest.len() - rest.trim_start_matches(is_space).len());
        }
    }

    /// The inside of an action and its right delimiter.
    fn action(&mut self) -> Result<(), Failure> {
        let mut parens = 0usize;
        loop {
            let rest = self.rest();
            if let Some((length, trims)) = right_delimiter(rest) {
                if parens > 0 {
                    return self.fail("unclosed left paren");
                }
                self.push(Kind::Right, length);
                self.trim(trims);
                return Ok(());
            }
            let Some(first) = rest.chars().next() else { return self.fail("unclosed action") };
            let second = rest[first.len_utf8()..].chars().next();
            match first {
                c if is_space(c) => self.spaces(),
                '=' => self.push(Kind::Assign, 1),
                ':' if second == Some('=') => self.push(Kind::Declare, 2),
                ':' => return self.fail("expected :="),
                '|' => self.push(Kind::Pipe, 1),
                ',' => self.push(Kind::Comma, 1),
                '"' => self.quoted(Kind::Quoted, '"', "unterminated quoted string")?,
                '\'' => self.quoted(Kind::Character, '\'', "unterminated character constant")?,
                '`' => {
                    let Some(end) = rest[1..].find('`') else {
                        return self.fail("unterminated raw quoted string");
                    };
                    self.push(Kind::Raw, end + 2);
                }
                '$' => self.word(Kind::Variable)?,
                '.' if !second.is_some_and(|c| c.is_ascii_digit()) => {
                    if second.is_none_or(|c| !is_alphanumeric(c)) {
                        self.terminated(1)?;
                        self.push(Kind::Dot, 1);
                    } else {
                        self.word(Kind::Field)?;
                    }
                }
                '.' | '+' | '-' | '0'..='9' => self.number()?,
                '(' => {
                    parens += 1;
                    self.push(Kind::LeftParen, 1);
                }
                ')' => {
                    let Some(fewer) = parens.checked_sub(1) else {
                        return self.fail("unexpected right paren");
                    };
                    parens = fewer;
                    self.push(Kind::RightParen, 1);
                }
                c if is_alphanumeric(c) => self.word(Kind::Identifier)?,
                c => return self.fail(format!("unexpected {c:?} in an action")),
            }
        }
    }

    /// A run of spaces, without the one that belongs to a trimming delimiter.
    fn spaces(&mut self) {
        let rest = self.rest();
        let mut length = rest.len() - rest.trim_start_matches(is_space).len();
        if right_delimiter(&rest[length - 1..]).is_some_and(|(_, trims)| trims) {
            length -= 1;
        }
        if length > 0 {
            self.push(Kind::Space, length);
        }
    }

    /// A word after its first character, which may be a dot or a dollar.
    fn word(&mut self, kind: Kind) -> Result<(), Failure> {
        let rest = self.rest();
        let length = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| !is_alphanumeric(*c))
            .map_or(rest.len(), |(index, _)| index);
        self.terminated(length)?;
        let keyword = kind == Kind::Identifier && KEYWORDS.contains(&&rest[..length]);
        self.push(if keyword { Kind::Keyword } else { kind }, length);
        Ok(())
    }

    /// Checks that a word of this length ends where words may end.
    fn terminated(&self, length: usize) -> Result<(), Failure> {
        let after = &self.rest()[length..];
        match after.chars().next() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
            Some(c) if is_space(c) || after.starts_with("}}") => Ok(()),
            Some(c) => self.fail(format!("bad character {c:?}")),
        }
    }

    fn quoted(&mut self, kind: Kind, quote: char, unterminated: &str) -> Result<(), Failure> {
        let mut escaped = false;
        for (index, c) in self.rest().char_indices().skip(1) {
            if c == '\n' {
                break;
            } else if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                self.push(kind, index + 1);
                return Ok(());
            }
        }
        self.fail(unterminated)
    }

    /// A number, roughly: the parser says whether it is one.
    fn number(&mut self) -> Result<(), Failure> {
        let rest = self.rest();
        let digits = rest.trim_start_matches(['+', '-']);
        let hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
        let mut previous = '+';
        let length = rest
            .char_indices()
            .find(|(index, c)| {
                let exponent = if hexadecimal { 'p' } else { 'e' };
                let sign = matches!(c, '+' | '-')
                    && (*index == 0 || previous.eq_ignore_ascii_case(&exponent));
                previous = *c;
                !sign && *c != '.' && !is_alphanumeric(*c)
            })
            .map_or(rest.len(), |(index, _)| index);
        if rest[length..].starts_with(['+', '-']) {
            return self.fail("complex constants are not supported");
        }
        self.push(Kind::Number, length);
        Ok(())
    }
}
