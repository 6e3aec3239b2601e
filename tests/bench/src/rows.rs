//! Rows as bytes: read from one database, written into another by the plainest batched upserts there are.
//!
//! What the bare side writes is what Switchboard stored, to the byte, whatever the tables look like.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;

use anyhow::Context as _;
use futures::future::try_join_all;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement, Transaction};

/// The tables of a conversation: name, primary key, and the column that says which conversation a row belongs to.
const TABLES: [(&str, &str, Owner); 6] = [
    ("intake", "connection_id, vendor_key", Owner::VendorKey),
    ("conversations", "conversation_id", Owner::ConversationId),
    ("participants", "conversation_id, ordinal", Owner::ConversationId),
    ("linked_records", "conversation_id, ordinal", Owner::ConversationId),
    ("transcripts", "conversation_id", Owner::ConversationId),
    ("raw_documents", "connection_id, vendor_key, version", Owner::VendorKey),
];

/// What else the rows refer to.
const REFERRED: [&str; 2] = ["tenants", "connections"];

#[derive(Clone, Copy)]
enum Owner {
    ConversationId,
    VendorKey,
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

struct Table {
    name: &'static str,
    columns: Vec<(String, Type)>,
    /// By conversation.
    rows: HashMap<String, Vec<Vec<Raw>>>,
    unnested: bool,
    insert: String,
}

/// Every row of a tenant's conversations.
pub(crate) struct Rows {
    tables: Vec<Table>,
    /// The vendor's ids, in the vendor's order.
    pub(crate) keys: Vec<String>,
}

impl Rows {
    /// Reads them.
    pub(crate) async fn read(source: &Client, tenant: &str) -> anyhow::Result<Self> {
        let mut tables = Vec::new();
        for (name, key, owner) in TABLES {
            tables.push(read_table(source, tenant, name, key, owner).await?);
        }
        let ordered =
            "SELECT external_id FROM conversations WHERE tenant_id = $1 ORDER BY ended_at DESC, external_id";
        let keys = source.query(ordered, &[&tenant]).await?.iter().map(|row| row.get(0)).collect();
        Ok(Self { tables, keys })
    }

    /// Statements for batches of exactly the sizes that come, prepared as they come.
    pub(crate) fn writer<'a>(&'a self, target: &'a mut Client) -> Writer<'a> {
        Writer { rows: self, target, prepared: HashMap::new() }
    }
}

async fn read_table(
    source: &Client,
    tenant: &str,
    name: &'static str,
    key: &str,
    owner: Owner,
) -> anyhow::Result<Table> {
    let of = match owner {
        Owner::ConversationId => {
            "(SELECT c.external_id FROM conversations c WHERE c.conversation_id = t.conversation_id)"
        }
        Owner::VendorKey => "t.vendor_key",
    };
    let sql = format!("SELECT {of}, t.* FROM {name} t WHERE t.tenant_id = $1");
    let statement = source.prepare(&sql).await?;
    let columns: Vec<(String, Type)> = statement.columns()[1..]
        .iter()
        .map(|column| (column.name().to_owned(), column.type_().clone()))
        .collect();
    let mut rows: HashMap<String, Vec<Vec<Raw>>> = HashMap::new();
    for row in source.query(&statement, &[&tenant]).await? {
        let values = (1..row.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>()?;
        rows.entry(row.try_get(0)?).or_default().push(values);
    }
    // UNNEST takes arrays of arrays apart to the last element
    let unnested = !columns.iter().any(|(_, kind)| matches!(kind.kind(), Kind::Array(_)));
    Ok(Table { name, insert: conflict(key, &columns), columns, rows, unnested })
}

/// The end of an upsert that replaces everything.
fn conflict(key: &str, columns: &[(String, Type)]) -> String {
    let keys: Vec<&str> = key.split(", ").collect();
    let rest = columns.iter().map(|(name, _)| name).filter(|name| !keys.contains(&name.as_str()));
    let set = rest.map(|name| format!("{name} = excluded.{name}")).collect::<Vec<_>>().join(", ");
    format!("ON CONFLICT ({key}) DO UPDATE SET {set}")
}

impl Table {
    fn statement(&self, rows: usize) -> (String, Vec<Type>) {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut sql = format!("INSERT INTO {} ({}) ", self.name, names.join(", "));
        let types = if self.unnested {
            let arrays: Vec<String> = (1..=names.len()).map(|number| format!("${number}")).collect();
            let _ = write!(sql, "SELECT * FROM unnest({}) ", arrays.join(", "));
            self.columns.iter().map(|(_, kind)| array_of(kind)).collect()
        } else {
            let tuple = |row: usize| {
                let values = (1..=names.len()).map(|number| format!("${}", row * names.len() + number));
                format!("({})", values.collect::<Vec<_>>().join(", "))
            };
            let _ = write!(sql, "VALUES {} ", (0..rows).map(tuple).collect::<Vec<_>>().join(", "));
            (0..rows).flat_map(|_| self.columns.iter().map(|(_, kind)| kind.clone())).collect()
        };
        (sql + &self.insert, types)
    }

    fn parameters(&self, rows: &[&Vec<Raw>]) -> Vec<Raw> {
        if !self.unnested {
            return rows.iter().flat_map(|row| row.iter().cloned()).collect();
        }
        let column = |index: usize| array(&self.columns[index].1, rows.iter().map(|row| &row[index]));
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
