//! Tables for people: boxes and Markdown.

use std::io::{self, Write};

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::cell::cells;

/// Rows are laid out together up to here, so that memory does not grow with the result; each block
/// has a header of its own.
const BLOCK_ROWS: usize = 1000;

/// How a grid is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Table,
    Markdown,
}

/// Rows of one result, laid out block by block.
pub(crate) struct Grid {
    schema: SchemaRef,
    style: Style,
    hide_empty: bool,
    block: Vec<Vec<String>>,
    /// Columns that have a value in the block.
    filled: Vec<bool>,
    blocks: usize,
    hidden: Vec<String>,
}

impl Grid {
    pub(crate) fn new(schema: SchemaRef, style: Style, hide_empty: bool) -> Self {
        let filled = vec![false; schema.fields().len()];
        Self { schema, style, hide_empty, block: Vec::new(), filled, blocks: 0, hidden: Vec::new() }
    }

    pub(crate) fn rows(&mut self, sink: &mut impl Write, batch: &RecordBatch) -> io::Result<()> {
        let columns: Vec<Vec<String>> = batch
            .columns()
            .iter()
            .map(cells)
            .collect::<Result<_, _>>()
            .map_err(io::Error::other)?;
        for row in 0..batch.num_rows() {
            for (filled, column) in self.filled.iter_mut().zip(batch.columns()) {
                *filled |= column.is_valid(row);
            }
            self.block.push(columns.iter().map(|column| column[row].clone()).collect());
            if self.block.len() == BLOCK_ROWS {
                self.draw(sink)?;
            }
        }
        Ok(())
    }

    /// Whether nothing has been drawn and nothing waits to be.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks == 0 && self.block.is_empty()
    }

    /// Draws what is left; gives notes about what was not drawn.
    pub(crate) fn end(mut self, sink: &mut impl Write) -> io::Result<Vec<String>> {
        if !self.block.is_empty() || self.blocks == 0 {
            self.draw(sink)?;
        }
        if self.hidden.is_empty() {
            return Ok(Vec::new());
        }
        let count = self.hidden.len();
        let columns = if count == 1 { "column" } else { "columns" };
        Ok(vec![format!("{count} {columns} without a value not shown; -o json shows all")])
    }

    fn draw(&mut self, sink: &mut impl Write) -> io::Result<()> {
        let rows = std::mem::take(&mut self.block);
        let filled = std::mem::replace(&mut self.filled, vec![false; self.schema.fields().len()]);
        let shown: Vec<usize> = (0..self.schema.fields().len())
            .filter(|index| {
                let empty = self.hide_empty
                    && self.style == Style::Table
                    && !rows.is_empty()
                    && !filled[*index];
                let name = self.schema.field(*index).name();
                if empty && !self.hidden.contains(name) {
                    self.hidden.push(name.clone());
                }
                !empty
            })
            .collect();
        let mut table = Table::new();
        table.load_style(match self.style {
            Style::Table => presets::UTF8_FULL_CONDENSED,
            Style::Markdown => presets::ASCII_MARKDOWN,
        });
        // On a terminal cells wrap at its width; in a pipe a row stays one line.
        if table.is_tty() && self.style == Style::Table {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table.set_header(shown.iter().map(|index| self.schema.field(*index).name().clone()));
        for row in &rows {
            table.add_row(shown.iter().map(|index| self.shown(&row[*index])));
        }
        for (position, index) in shown.iter().enumerate() {
            let number = matches!(
                self.schema.field(*index).data_type(),
                DataType::Int64 | DataType::UInt64 | DataType::Int32 | DataType::Float64
            );
            if let Some(column) = table.column_mut(position).filter(|_| number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        if self.blocks > 0 {
            writeln!(sink)?;
        }
        self.blocks += 1;
        writeln!(sink, "{table}")
    }

    fn shown(&self, cell: &str) -> String {
        match self.style {
            Style::Table => cell.to_owned(),
            // A bar or a line break would end the cell.
            Style::Markdown => cell.replace('|', "\\|").replace('\n', "<br>"),
        }
    }
}
