//! XML as the items that Go's decoder gives: entities resolved, adjoining text in one piece.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements may nest this deep; whatever is built of them is walked by recursion.
const MAX_DEPTH: usize = 128;

/// A piece of a document.
#[derive(Debug)]
pub(super) enum Item {
    /// Name and attributes as written, prefixes included.
    Start(String, Vec<(String, String)>),
    End,
    Text(String),
    CData(String),
    Comment,
    /// The document is over, all its elements closed.
    Done,
}

/// Reads a document item by item.
pub(super) struct Items<'x> {
    reader: Reader<&'x [u8]>,
    text: String,
    waiting: Option<Item>,
    depth: usize,
}

impl<'x> Items<'x> {
    pub(super) fn new(xml: &'x str) -> Self {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, text: String::new(), waiting: None, depth: 0 }
    }

    /// The next item; after `Done` only `Done` comes.
    pub(super) fn next(&mut self) -> Result<Item, String> {
        if let Some(item) = self.waiting.take() {
            return self.counted(item);
        }
        loop {
            let event = self.reader.read_event().map_err(|error| error.to_string())?;
            let item = match event {
                Event::Text(text) => {
                    self.text.push_str(&text.xml10_content());
                    continue;
                }
                Event::GeneralRef(reference) => {
                    match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                        Some(character) => self.text.push(character),
                        None => self.text.push_str(
                            quick_xml::escape::resolve_predefined_entity(&reference).ok_or_else(
                                || format!("entity &{}; is not defined", &*reference),
                            )?,
                        ),
                    }
                    continue;
                }
                Event::CData(data) => Item::CData(data.xml10_content().into_owned()),
                Event::Start(start) | Event::Empty(start) => started(&start)?,
                Event::End(_) => Item::End,
                Event::Eof => Item::Done,
                _ => Item::Comment,
            };
            if self.text.is_empty() {
                return self.counted(item);
            }
            self.waiting = Some(item);
            return Ok(Item::Text(std::mem::take(&mut self.text)));
        }
    }

    fn counted(&mut self, item: Item) -> Result<Item, String> {
        match item {
            Item::Start(..) if self.depth == MAX_DEPTH => {
                Err(format!("it nests deeper than {MAX_DEPTH} elements"))
            }
            Item::Start(..) => {
                self.depth += 1;
                Ok(item)
            }
            Item::End => {
                self.depth = self.depth.checked_sub(1).ok_or("an element ends twice")?;
                Ok(item)
            }
            Item::Done if self.depth > 0 => Err("it ends before its elements do".to_owned()),
            other => Ok(other),
        }
    }
}

fn started(start: &BytesStart<'_>) -> Result<Item, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value =
            quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
        attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
    }
    Ok(Item::Start(start.name().into_inner().to_owned(), attributes))
}

/// Prefix and local name.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.split_once(':') {
        Some((prefix, local)) if !prefix.is_empty() && !local.is_empty() => (prefix, local),
        _ => ("", name),
    }
}
