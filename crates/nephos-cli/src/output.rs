//! Rows to text.

mod cell;
mod grid;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use crate::args::Format;
use crate::error::Failure;
use grid::{Grid, Style};

type Sink = BufWriter<Box<dyn Write + Send>>;

/// Where rows go, one result after the other.
pub(crate) struct Output {
    format: Format,
    sink: Sink,
    results: usize,
    current: Option<Current>,
}

enum Current {
    Grid(Box<Grid>),
    Csv { schema: SchemaRef, header: bool },
    Json { first: bool },
    Ndjson,
}

impl Output {
    pub(crate) fn open(format: Format, file: Option<&Path>) -> Result<Self, Failure> {
        let sink: Box<dyn Write + Send> = match file {
            None => Box::new(io::stdout()),
            Some(path) => Box::new(File::create(path).map_err(|error| {
                Failure::message(format!("cannot write {}: {error}", path.display()))
            })?),
        };
        Ok(Self {
            format,
            sink: BufWriter::with_capacity(64 * 1024, sink),
            results: 0,
            current: None,
        })
    }

    /// Starts a result. `hide_empty` leaves columns without any value out of tables.
    pub(crate) fn begin(&mut self, schema: SchemaRef, hide_empty: bool) -> io::Result<()> {
        // Results of one text are told apart by an empty line; JSON documents need none.
        if self.results > 0 && matches!(self.format, Format::Table | Format::Markdown | Format::Csv)
        {
            writeln!(self.sink)?;
        }
        if matches!(self.format, Format::Json | Format::Ndjson) {
            let mut names = std::collections::HashSet::new();
            if let Some(twice) = schema.fields().iter().find(|field| !names.insert(field.name())) {
                return Err(io::Error::other(format!(
                    "two columns are named {}, and JSON would keep one: name them apart with AS",
                    twice.name()
                )));
            }
        }
        self.results += 1;
        self.current = Some(match self.format {
            Format::Table => Current::Grid(Box::new(Grid::new(schema, Style::Table, hide_empty))),
            Format::Markdown => {
                Current::Grid(Box::new(Grid::new(schema, Style::Markdown, hide_empty)))
            }
            Format::Csv => Current::Csv { schema, header: true },
            Format::Json => Current::Json { first: true },
            Format::Ndjson => Current::Ndjson,
        });
        Ok(())
    }

    /// Writes rows of the current result; the first rows are out before the last are there.
    pub(crate) fn rows(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let sink = &mut self.sink;
        match &mut self.current {
            None => {}
            Some(Current::Grid(grid)) => grid.rows(sink, batch)?,
            Some(Current::Csv { header, .. }) => {
                csv(sink, batch, std::mem::take(header))?;
            }
            Some(Current::Json { first }) => {
                for line in json_lines(batch)?.lines() {
                    sink.write_all(if std::mem::take(first) { b"[" } else { b",\n " })?;
                    sink.write_all(line.as_bytes())?;
                }
            }
            Some(Current::Ndjson) => sink.write_all(json_lines(batch)?.as_bytes())?,
        }
        self.sink.flush()
    }

    /// Ends the current result; gives lines for stderr.
    pub(crate) fn end(&mut self) -> io::Result<Vec<String>> {
        let sink = &mut self.sink;
        let notes = match self.current.take() {
            Some(Current::Grid(grid)) => grid.end(sink)?,
            Some(Current::Csv { schema, header: true }) => {
                csv(sink, &RecordBatch::new_empty(schema), true)?;
                Vec::new()
            }
            Some(Current::Json { first }) => {
                writeln!(sink, "{}", if first { "[]" } else { "]" })?;
                Vec::new()
            }
            _ => Vec::new(),
        };
        sink.flush()?;
        Ok(notes)
    }

    /// Ends a result that failed: rows that were read are written, an empty frame is not.
    pub(crate) fn abandon(&mut self) -> io::Result<()> {
        match &self.current {
            Some(Current::Grid(grid)) if grid.is_empty() => self.current = None,
            Some(Current::Csv { header: true, .. } | Current::Json { first: true }) => {
                self.current = None;
            }
            _ => {}
        }
        self.end().map(|_| ())
    }

    /// Writes what is still held back.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn csv(sink: &mut Sink, batch: &RecordBatch, header: bool) -> io::Result<()> {
    let batch = cell::textual(batch).map_err(other)?;
    let mut writer = arrow_csv::WriterBuilder::new().with_header(header).build(sink);
    writer.write(&batch).map_err(other)
}

/// One JSON object a row, NULLs included.
fn json_lines(batch: &RecordBatch) -> io::Result<String> {
    let mut buffer = Vec::new();
    let mut writer = arrow_json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow_json::writer::LineDelimited>(&mut buffer);
    writer.write(batch).map_err(other)?;
    writer.finish().map_err(other)?;
    String::from_utf8(buffer).map_err(io::Error::other)
}

fn other(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}
