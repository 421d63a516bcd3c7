//! What `nephos-dev` generates.
//!
//! **Purpose.** Turns vendors' machine-readable API models and our own tables into provider documents.
//!
//! **Owns.** The generators, one module each.
//!
//! **Does not own.** Files, the terminal, reading of provider documents (`nephos-catalog`).
//!
//! **Invariants.**
//! - Pure: texts in, texts or the full list of faults out.
//! - No sentence of a vendor's documentation reaches a document; descriptions are ours.

pub mod aws_s3;
