//! Reading a vendor's JSON tolerantly: a wrong type in one place is that place's loss only.

mod field;
mod fields;
mod mended;
mod scalar;
mod surrogates;
mod value;

pub(crate) use field::{Field, Holds, Json, List, Object};
pub(crate) use fields::{Entries, Fields, Inside, OfText, Tolerant, tolerant};
pub(crate) use mended::mended;
pub(crate) use scalar::{Flag, Id, Number, Text, text};
pub(crate) use value::{is_nothing, value};
