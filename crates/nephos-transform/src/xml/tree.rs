//! A document as a tree, for paths.

use super::read::{Item, Items, split};
use crate::golang::append;

/// What a node is.
#[derive(Debug)]
pub(super) enum Content {
    Document,
    Element { prefix: String, name: String, attributes: Vec<(String, String)> },
    Text(String),
    CData(String),
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) parent: usize,
    pub(super) children: Vec<usize>,
}

/// A node, or an attribute of one (counted from 1); they sort in document order.
pub(crate) type Place = (usize, usize);

/// A parsed document. Nodes are numbered in document order, the document itself being 0.
#[derive(Debug)]
pub(crate) struct Document {
    pub(super) nodes: Vec<Node>,
}

impl Document {
    pub(crate) fn parse(xml: &str) -> Result<Self, String> {
        let mut items = Items::new(xml);
        let root = Node { content: Content::Document, parent: 0, children: Vec::new() };
        let mut document = Self { nodes: vec![root] };
        let mut at = 0;
        loop {
            let content = match items.next()? {
                Item::Start(name, attributes) => {
                    let (prefix, name) = split(&name);
                    let (prefix, name) = (prefix.to_owned(), name.to_owned());
                    Content::Element { prefix, name, attributes }
                }
                Item::Text(text) => Content::Text(text),
                Item::CData(text) => Content::CData(text),
                Item::End => {
                    at = document.nodes[at].parent;
                    continue;
                }
                Item::Comment => continue,
                Item::Done => return Ok(document),
            };
            let node = document.nodes.len();
            let opens = matches!(content, Content::Element { .. });
            document.nodes.push(Node { content, parent: at, children: Vec::new() });
            document.nodes[at].children.push(node);
            if opens {
                at = node;
            }
        }
    }

    /// The attribute at a place.
    pub(super) fn attribute(&self, place: Place) -> Option<&(String, String)> {
        match &self.nodes[place.0].content {
            Content::Element { attributes, .. } => attributes.get(place.1.checked_sub(1)?),
            _ => None,
        }
    }

    /// All text within.
    pub(crate) fn inner_text(&self, place: Place) -> String {
        let mut out = String::new();
        match self.attribute(place) {
            Some((_, value)) => out.push_str(value),
            None => self.push_text(place.0, &mut out),
        }
        out
    }

    fn push_text(&self, node: usize, out: &mut String) {
        match &self.nodes[node].content {
            Content::Text(text) | Content::CData(text) => out.push_str(text),
            _ => self.nodes[node].children.iter().for_each(|child| self.push_text(*child, out)),
        }
    }

    /// The XML of a node with its own tags, comments left out; an attribute becomes an element.
    pub(crate) fn outer_xml(&self, place: Place) -> String {
        let mut out = String::new();
        match self.attribute(place) {
            Some((name, value)) => {
                out = format!("<{name}>");
                push_escaped(&mut out, value);
                append(&mut out, format_args!("</{name}>"));
            }
            None => self.push_xml(place.0, &mut out),
        }
        out
    }

    fn push_xml(&self, node: usize, out: &mut String) {
        let Node { content, children, .. } = &self.nodes[node];
        let each_child =
            |out: &mut String| children.iter().for_each(|child| self.push_xml(*child, out));
        match content {
            Content::Text(text) => push_escaped(out, text),
            Content::CData(text) => append(out, format_args!("<![CDATA[{text}]]>")),
            Content::Document => each_child(out),
            Content::Element { prefix, name, attributes } => {
                let colon = if prefix.is_empty() { "" } else { ":" };
                append(out, format_args!("<{prefix}{colon}{name}"));
                for (key, value) in attributes {
                    append(out, format_args!(" {key}=\""));
                    push_escaped(out, value);
                    out.push('"');
                }
                out.push('>');
                each_child(out);
                append(out, format_args!("</{prefix}{colon}{name}>"));
            }
        }
    }
}

/// Go's `html.EscapeString`.
fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
}
