//! Where values stand in a text.

use std::collections::HashMap;

use granit_parser::{Event, Parser};

use super::{escape, options};

/// Lines, from 1, of the values that JSON pointers lead to.
pub(crate) fn lines<'a>(
    text: &str,
    pointers: impl IntoIterator<Item = &'a str>,
) -> HashMap<&'a str, usize> {
    let wanted: HashMap<&str, &'a str> = pointers.into_iter().map(|p| (p, p)).collect();
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    let mut path = Path::default();
    for (event, span) in Parser::new_from_str_with_options(text, options()).flatten() {
        let line = span.start.line();
        if let Some(line) = path.take(&event, line)
            && let Some(pointer) = wanted.get(path.text.as_str())
        {
            found.entry(*pointer).or_insert(line);
        }
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        path.leave(&event);
    }
    found
}

/// Where the parser is, as a JSON pointer.
#[derive(Default)]
struct Path {
    text: String,
    /// For each open collection: the pointer's length in front of its members, and which is next.
    open: Vec<(usize, Next)>,
    key_line: usize,
}

enum Next {
    Key,
    Value,
    Item(usize),
}

impl Path {
    /// Goes to the value that `event` begins, and gives its line: that of its key, if it has one.
    fn take(&mut self, event: &Event<'_>, line: usize) -> Option<usize> {
        if !matches!(
            event,
            Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(_)
        ) {
            return None;
        }
        match self.open.last_mut() {
            None => Some(line),
            Some((length, next @ Next::Key)) => {
                self.text.truncate(*length);
                self.text.push('/');
                if let Event::Scalar(key, ..) = event {
                    self.text.push_str(&escape(key));
                }
                *next = Next::Value;
                self.key_line = line;
                None
            }
            Some((_, next @ Next::Value)) => {
                *next = Next::Key;
                Some(self.key_line)
            }
            Some((length, Next::Item(index))) => {
                self.text.truncate(*length);
                self.text.push('/');
                self.text.push_str(&index.to_string());
                *index += 1;
                Some(line)
            }
        }
    }

    /// Goes into or out of a collection.
    fn leave(&mut self, event: &Event<'_>) {
        match event {
            Event::SequenceStart(..) => self.open.push((self.text.len(), Next::Item(0))),
            Event::MappingStart(..) => self.open.push((self.text.len(), Next::Key)),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((length, _)) = self.open.pop() {
                    self.text.truncate(length);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_pointer() {
        let text = "a:\n  b/c:\n    - 1\n    - x: 2\n  d: &e {f: 3}\n  g: *e\nh: 4\n";
        let pointers = ["/a", "/a/b~1c", "/a/b~1c/1", "/a/b~1c/1/x", "/a/d/f", "/a/g", "/h", "/no"];
        let found = lines(text, pointers);
        let lines: Vec<Option<usize>> = pointers.iter().map(|p| found.get(p).copied()).collect();
        assert_eq!(lines, [Some(1), Some(2), Some(4), Some(4), Some(5), Some(6), Some(7), None]);
    }
}
