//! Rows as bytes: read from one database, written into another by the plainest batched upserts there are.
//!
//! What the bare side writes is what Switchboard stored, to the byte, whatever the tables look like.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::pin::pin;

use anyhow::Context as _;
use clap::ValueEnum;
use futures::TryStreamExt as _;
use futures::future::try_join_all;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{self, FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement, Transaction};

/// What else the rows refer to.
const REFERRED: [&str; 2] = ["tenants", "connections"];

/// Which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Conversations,
    /// The records of a CRM.
    Records,
}

/// A table: its name, its primary key, and which record a row `t` belongs to.
type Shape = (&'static str, &'static str, &'static str);

const CONVERSATIONS: [Shape; 6] = [
    ("intake", "connection_id, vendor_key", "t.vendor_key"),
    ("conversations", "conversation_id", OF_CONVERSATION),
    ("participants", "conversation_id, ordinal", OF_CONVERSATION),
    ("linked_records", "conversation_id, ordinal", OF_CONVERSATION),
    ("transcripts", "conversation_id", OF_CONVERSATION),
    ("raw_documents", "connection_id, vendor_key, version", "t.vendor_key"),
];

const OF_CONVERSATION: &str =
    "(SELECT c.external_id FROM conversations c WHERE c.conversation_id = t.conversation_id)";

const RECORDS: [Shape; 7] = [
    ("intake", "connection_id, vendor_key", "t.vendor_key"),
    ("accounts", "tenant_id, account_id", "'accounts/' || t.external_id"),
    ("account_domains", "tenant_id, domain, account_id", OF_ACCOUNT),
    ("contacts", "tenant_id, source, external_id", "'contacts/' || t.external_id"),
    ("contact_emails", "tenant_id, source, external_id, email_key", "'contacts/' || t.external_id"),
    ("deals", "tenant_id, source, external_id", "'deals/' || t.external_id"),
    ("raw_documents", "connection_id, vendor_key, version", "t.vendor_key"),
];

const OF_ACCOUNT: &str = "(SELECT 'accounts/' || a.external_id FROM accounts a
    WHERE a.tenant_id = t.tenant_id AND a.account_id = t.account_id)";

impl Kind {
    fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Conversations => &CONVERSATIONS,
            Self::Records => &RECORDS,
        }
    }

    /// The records in the order in which they come.
    fn ordered(self) -> &'static str {
        match self {
            Self::Conversations => {
                "SELECT external_id FROM conversations WHERE tenant_id = $1 ORDER BY ended_at DESC, external_id"
            }
            Self::Records => "SELECT vendor_key FROM intake WHERE tenant_id = $1 ORDER BY vendor_key",
        }
    }

    /// Records in a transaction: as many as `normalizer` takes at most of conversations; its mebibyte holds about a thousand of a
    /// CRM's.
    pub(crate) const fn batch(self) -> usize {
        match self {
            Self::Conversations => 50,
            Self::Records => 1000,
        }
    }

    /// Messages that hold as many: a call each, or a page of a hundred records.
    pub(crate) const fn messages(self) -> usize {
        match self {
            Self::Conversations => self.batch(),
            Self::Records => self.batch() / 100,
        }
    }
}

/// A value in Postgres' binary form.
#[derive(Debug, Clone)]
struct Raw(Option<Vec<u8>>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw.to_vec())))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(bytes) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

struct Column {
    name: String,
    /// As what it travels.
    kind: Type,
    /// Short arrays travel as texts, which keeps their table for UNNEST.
    cast: Option<&'static str>,
}

impl Column {
    fn of(column: &tokio_postgres::Column) -> Self {
        let (kind, cast) = match *column.type_() {
            Type::UUID_ARRAY => (Type::TEXT, Some("uuid[]")),
            ref kind => (kind.clone(), None),
        };
        Self { name: column.name().to_owned(), kind, cast }
    }

    fn read(&self) -> String {
        let cast = if self.cast.is_some() { "::text" } else { "" };
        format!("t.{}{cast}", self.name)
    }

    /// The value that `place` stands for.
    fn written(&self, place: &str) -> String {
        self.cast.map_or(place.to_owned(), |cast| format!("{place}::{cast}"))
    }
}

struct Table {
    name: &'static str,
    columns: Vec<Column>,
    /// By record.
    rows: HashMap<String, Vec<Vec<Raw>>>,
    unnested: bool,
    insert: String,
}

/// Every row of a tenant's conversations or records.
pub(crate) struct Rows {
    tables: Vec<Table>,
    /// The vendor's ids, in the vendor's order.
    pub(crate) keys: Vec<String>,
}

impl Rows {
    /// Reads them.
    pub(crate) async fn read(source: &Client, tenant: &str, kind: Kind) -> anyhow::Result<Self> {
        let mut tables = Vec::new();
        for shape in kind.shapes() {
            tables.push(read_table(source, tenant, *shape).await?);
        }
        let rows = source.query(kind.ordered(), &[&tenant]).await?;
        Ok(Self { tables, keys: rows.iter().map(|row| row.get(0)).collect() })
    }

    /// Statements for batches of exactly the sizes that come, prepared as they come.
    pub(crate) fn writer<'a>(&'a self, target: &'a mut Client) -> Writer<'a> {
        Writer { rows: self, target, prepared: HashMap::new() }
    }
}

async fn read_table(source: &Client, tenant: &str, (name, key, of): Shape) -> anyhow::Result<Table> {
    let all = source.prepare(&format!("SELECT * FROM {name}")).await?;
    let columns: Vec<Column> = all.columns().iter().map(Column::of).collect();
    let read = columns.iter().map(Column::read).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {of}, {read} FROM {name} t WHERE t.tenant_id = $1");
    let mut rows: HashMap<String, Vec<Vec<Raw>>> = HashMap::new();
    let mut found = pin!(source.query_raw(&sql, [tenant]).await?);
    while let Some(row) = found.try_next().await? {
        let values = (1..row.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>()?;
        rows.entry(row.try_get(0)?).or_default().push(values);
    }
    // UNNEST takes arrays of arrays apart to the last element
    let unnested = !columns.iter().any(|column| matches!(column.kind.kind(), types::Kind::Array(_)));
    Ok(Table { name, insert: conflict(key, &columns), columns, rows, unnested })
}

/// The end of an upsert that replaces everything.
fn conflict(key: &str, columns: &[Column]) -> String {
    let keys: Vec<&str> = key.split(", ").collect();
    let rest = columns.iter().map(|column| &column.name).filter(|name| !keys.contains(&name.as_str()));
    let set = rest.map(|name| format!("{name} = excluded.{name}")).collect::<Vec<_>>().join(", ");
    if set.is_empty() {
        return format!("ON CONFLICT ({key}) DO NOTHING");
    }
    format!("ON CONFLICT ({key}) DO UPDATE SET {set}")
}

impl Table {
    fn statement(&self, rows: usize) -> (String, Vec<Type>) {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let mut sql = format!("INSERT INTO {} ({}) ", self.name, names.join(", "));
        let types = if self.unnested {
            let arrays: Vec<String> = (1..=names.len()).map(|number| format!("${number}")).collect();
            let written = self.columns.iter().map(|column| column.written(&column.name)).collect::<Vec<_>>();
            let (written, arrays, names) = (written.join(", "), arrays.join(", "), names.join(", "));
            let _ = write!(sql, "SELECT {written} FROM unnest({arrays}) AS n ({names}) ");
            self.columns.iter().map(|column| array_of(&column.kind)).collect()
        } else {
            let tuple = |row: usize| {
                let values = self
                    .columns
                    .iter()
                    .zip(1..)
                    .map(|(column, number)| column.written(&format!("${}", row * names.len() + number)));
                format!("({})", values.collect::<Vec<_>>().join(", "))
            };
            let _ = write!(sql, "VALUES {} ", (0..rows).map(tuple).collect::<Vec<_>>().join(", "));
            (0..rows).flat_map(|_| self.columns.iter().map(|column| column.kind.clone())).collect()
        };
        (sql + &self.insert, types)
    }

    fn parameters(&self, rows: &[&Vec<Raw>]) -> Vec<Raw> {
        if !self.unnested {
            return rows.iter().flat_map(|row| row.iter().cloned()).collect();
        }
        let column = |index: usize| array(&self.columns[index].kind, rows.iter().map(|row| &row[index]));
        (0..self.columns.len()).map(column).collect()
    }
}

/// One dimension, from 1: dimensions, whether there are nulls, type of the elements, length, lower bound, elements.
fn array<'a>(kind: &Type, values: impl ExactSizeIterator<Item = &'a Raw>) -> Raw {
    let mut bytes = Vec::new();
    let push = |number: i32, bytes: &mut Vec<u8>| bytes.extend_from_slice(&number.to_be_bytes());
    let count = i32::try_from(values.len()).expect("a batch is small");
    for number in [1, 1, kind.oid().cast_signed(), count, 1] {
        push(number, &mut bytes);
    }
    for value in values {
        match &value.0 {
            None => push(-1, &mut bytes),
            Some(value) => {
                push(i32::try_from(value.len()).expect("a value is small"), &mut bytes);
                bytes.extend_from_slice(value);
            }
        }
    }
    Raw(Some(bytes))
}

fn array_of(kind: &Type) -> Type {
    match *kind {
        Type::UUID => Type::UUID_ARRAY,
        Type::TEXT => Type::TEXT_ARRAY,
        Type::INT4 => Type::INT4_ARRAY,
        Type::INT8 => Type::INT8_ARRAY,
        Type::FLOAT8 => Type::FLOAT8_ARRAY,
        Type::BOOL => Type::BOOL_ARRAY,
        Type::BYTEA => Type::BYTEA_ARRAY,
        Type::JSONB => Type::JSONB_ARRAY,
        Type::TIMESTAMPTZ => Type::TIMESTAMPTZ_ARRAY,
        ref other => panic!("the bench cannot write arrays of {other} yet"),
    }
}

/// Writes batches.
pub(crate) struct Writer<'a> {
    rows: &'a Rows,
    target: &'a mut Client,
    prepared: HashMap<(usize, usize), Statement>,
}

impl Writer<'_> {
    /// One transaction, all its statements in one round trip.
    pub(crate) async fn write(&mut self, keys: &[&str]) -> anyhow::Result<()> {
        let mut work = Vec::new();
        for (place, table) in self.rows.tables.iter().enumerate() {
            let rows: Vec<&Vec<Raw>> = keys.iter().filter_map(|key| table.rows.get(*key)).flatten().collect();
            if !rows.is_empty() {
                let statement = self.prepared(place, table, rows.len()).await?;
                work.push((statement, table.parameters(&rows)));
            }
        }
        let transaction = self.target.transaction().await?;
        execute(&transaction, &work).await?;
        Ok(transaction.commit().await?)
    }

    async fn prepared(&mut self, place: usize, table: &Table, rows: usize) -> anyhow::Result<Statement> {
        // an UNNEST takes any number of rows
        let key = (place, if table.unnested { 0 } else { rows });
        if let Some(statement) = self.prepared.get(&key) {
            return Ok(statement.clone());
        }
        let (sql, types) = table.statement(rows);
        let statement = self.target.prepare_typed(&sql, &types).await.with_context(|| sql)?;
        self.prepared.insert(key, statement.clone());
        Ok(statement)
    }
}

async fn execute(
    transaction: &Transaction<'_>,
    work: &[(Statement, Vec<Raw>)],
) -> Result<(), tokio_postgres::Error> {
    // polled together, they are pipelined
    let statements = work.iter().map(|(statement, parameters)| async move {
        let parameters: Vec<&(dyn ToSql + Sync)> =
            parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        transaction.execute(statement, &parameters).await
    });
    try_join_all(statements).await.map(drop)
}

/// Copies what the rows refer to, past foreign keys.
pub(crate) async fn copy_referred(source: &Client, target: &Client) -> anyhow::Result<()> {
    target.batch_execute("SET session_replication_role = replica").await?;
    for name in REFERRED {
        let read = source.prepare(&format!("SELECT * FROM {name}")).await?;
        let places: Vec<String> = (1..=read.columns().len()).map(|number| format!("${number}")).collect();
        let types: Vec<Type> = read.columns().iter().map(|column| column.type_().clone()).collect();
        let sql = format!("INSERT INTO {name} VALUES ({}) ON CONFLICT DO NOTHING", places.join(", "));
        let write = target.prepare_typed(&sql, &types).await?;
        for row in source.query(&read, &[]).await? {
            let values = (0..row.len()).map(|index| row.try_get(index)).collect::<Result<Vec<Raw>, _>>()?;
            let values: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            target.execute(&write, &values).await?;
        }
    }
    Ok(target.batch_execute("SET session_replication_role = origin").await?)
}
