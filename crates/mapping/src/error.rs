//! Why a document cannot be mapped; never quotes it.

/// A document that maps to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Neither row nor details.
    #[error("there is no document")]
    NoDocument,
    /// Not an object with `attributes`, bare or in `data`.
    #[error("the document has no readable attributes")]
    NoAttributes,
    /// Nothing to name it by.
    #[error("the document has no id")]
    NoId,
}
