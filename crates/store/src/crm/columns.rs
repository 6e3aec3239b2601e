//! Records column by column, as UNNEST takes them.

use jiff::Timestamp;

use super::Row;

/// What every kind of record has.
pub(super) struct Columns<'a> {
    pub(super) tenants: Vec<&'a str>,
    pub(super) sources: Vec<&'a str>,
    pub(super) ids: Vec<&'a str>,
    pub(super) owners: Vec<Option<&'a str>>,
    pub(super) created: Vec<Option<Timestamp>>,
    /// Gone or merged.
    pub(super) gone: Vec<bool>,
    /// The ids of those that were merged.
    pub(super) merged: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of<T>(rows: &[Row<'a, T>]) -> Self {
        let id = |row: &Row<'a, T>| row.record.external_id.as_str();
        Self {
            tenants: rows.iter().map(|row| row.tenant.as_str()).collect(),
            sources: rows.iter().map(|row| row.source).collect(),
            ids: rows.iter().map(id).collect(),
            owners: rows.iter().map(|row| row.record.owner_external_id.as_deref()).collect(),
            created: rows.iter().map(|row| row.record.created_at).collect(),
            gone: rows.iter().map(|row| row.is_gone() || row.is_merged()).collect(),
            merged: rows.iter().map(|row| row.is_merged().then(|| id(row))).collect(),
        }
    }
}
