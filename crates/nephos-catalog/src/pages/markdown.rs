//! Text as Markdown cells and SQL names.

/// Words that stand in a column's place only in quotes.
const RESERVED: &[&str] = &[
    "all",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "check",
    "cluster",
    "collate",
    "column",
    "connect",
    "constraint",
    "create",
    "cross",
    "current",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "date",
    "default",
    "delete",
    "desc",
    "distinct",
    "distribute",
    "drop",
    "else",
    "end",
    "except",
    "exists",
    "explain",
    "extract",
    "false",
    "fetch",
    "filter",
    "for",
    "foreign",
    "format",
    "from",
    "full",
    "global",
    "grant",
    "group",
    "grouping",
    "having",
    "if",
    "in",
    "inner",
    "insert",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "lateral",
    "left",
    "like",
    "limit",
    "local",
    "localtime",
    "match",
    "minus",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "overlaps",
    "partition",
    "pivot",
    "position",
    "prewhere",
    "primary",
    "qualify",
    "range",
    "replace",
    "returning",
    "right",
    "row",
    "rows",
    "sample",
    "select",
    "session_user",
    "set",
    "settings",
    "show",
    "some",
    "sort",
    "start",
    "substring",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "top",
    "trim",
    "true",
    "truncate",
    "union",
    "unique",
    "unnest",
    "unpivot",
    "update",
    "use",
    "user",
    "using",
    "values",
    "view",
    "when",
    "where",
    "window",
    "with",
];

/// A name as SQL writes it: in quotes where it is not a plain word.
pub(crate) fn identifier(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain && !RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A description as one line of a table: Markdown in it stays, what would end the cell or be taken
/// for HTML does not.
pub(super) fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find('`') {
        out.push_str(&prose(&rest[..start]));
        let ticks = rest[start..].bytes().take_while(|byte| *byte == b'`').count();
        let (fence, after) = rest[start..].split_at(ticks);
        // Without its end a backtick is a backtick.
        match end_of_code(after, ticks) {
            Some(end) => {
                out.push_str(fence);
                out.push_str(&after[..end].replace('|', "\\|"));
                out.push_str(fence);
                rest = &after[end + ticks..];
            }
            None => {
                out.push_str(&"\\`".repeat(ticks));
                rest = after;
            }
        }
    }
    out.push_str(&prose(rest));
    out
}

/// Where a run of exactly `ticks` backticks begins.
fn end_of_code(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let run = text[start..].bytes().take_while(|byte| *byte == b'`').count();
        if run == ticks {
            return Some(start);
        }
        at = start + run;
    }
    None
}

fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' => out.push_str("\\|"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Pages are made of Markdown with expressions by some tools.
            '{' => out.push_str("&#123;"),
            '}' => out.push_str("&#125;"),
            other => out.push(other),
        }
    }
    out
}

/// A name as code; one with backticks is fenced by two.
pub(super) fn code(name: &str) -> String {
    let name = name.replace(['\n', '\r'], " ").replace('|', "\\|");
    if name.contains('`') { format!("`` {name} ``") } else { format!("`{name}`") }
}

/// A table; nothing when it has no rows.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    for row in rows {
        // An empty cell is two spaces less: trailing spaces are noise in diffs.
        out.push('|');
        for cell in row {
            out.push(' ');
            if !cell.is_empty() {
                out.push_str(cell);
                out.push(' ');
            }
            out.push('|');
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_sql_needs_it() {
        assert_eq!(identifier("Key"), "Key");
        assert_eq!(identifier("max-parts"), "\"max-parts\"");
        assert_eq!(identifier("order"), "\"order\"");
        assert_eq!(identifier("2fa"), "\"2fa\"");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn a_description_stays_in_its_cell() {
        assert_eq!(line("a | b\n\n  c"), "a \\| b c");
        assert_eq!(line("<p>x & y</p>"), "&lt;p&gt;x & y&lt;/p&gt;");
        assert_eq!(line("use `a|<b>` or {c}"), "use `a\\|<b>` or &#123;c&#125;");
        assert_eq!(line("one ` tick <b>"), "one \\` tick &lt;b&gt;");
        assert_eq!(line("``a ` b`` | c"), "``a ` b`` \\| c");
        assert_eq!(code("a|b"), "`a\\|b`");
    }
}
