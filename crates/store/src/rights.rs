//! What each kind of program may do in the database: the one table of it, granting it, and whether a login has it.

mod table;

use std::fmt::Write as _;

use crate::{Store, StoreError};
pub use table::{PROGRAMS, RIGHTS, Right, Rights};

/// Any constant number: who grants holds this lock.
const GRANTING: i64 = 0x5377_6772_616e;

/// The name of a program's role in the database, to which its logins belong.
pub fn role_of(program: &str) -> String {
    format!("switchboard_{program}")
}

/// The rights a process needs, by the name under which it opened its store; none for who is no program of ours.
fn needed_by(name: &str) -> &'static [&'static str] {
    match name {
        // every role in one process; commands are others
        "all" => &["scheduler", "fetcher", "normalizer", "steward"],
        "command" => &["desk"],
        _ => PROGRAMS.iter().find(|program| **program == name).map_or(&[], std::slice::from_ref),
    }
}

/// The roles that a process of this name should have.
pub(crate) fn roles_of(name: &str) -> Vec<String> {
    needed_by(name).iter().map(|program| role_of(program)).collect()
}

/// Grants each program's role what is in the table, and nothing else; returns the roles. Those that are not there are left out:
/// `deploy/postgres/roles.sql` makes them.
pub async fn grant(store: &Store) -> Result<Vec<String>, StoreError> {
    let wanted: Vec<String> = PROGRAMS.iter().map(|program| role_of(program)).collect();
    let mut client = store.dedicated().await?;
    let tx = client.transaction().await?;
    // two that change the same table's rights at once would fail
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&GRANTING]).await?;
    let sql = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)";
    let found = tx.query(sql, &[&wanted]).await?;
    let found: Vec<String> = found.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let programs = PROGRAMS.iter().filter(|program| found.contains(&role_of(program)));
    let statements: String = programs.map(|program| statements_for(program)).collect();
    tx.batch_execute(&statements).await?;
    tx.commit().await?;
    Ok(found)
}

/// In one transaction, so that nobody ever misses a right that he had and keeps.
fn statements_for(program: &str) -> String {
    let role = role_of(program);
    let mut sql = String::new();
    for rights in RIGHTS {
        let table = rights.table;
        let _ = writeln!(sql, "REVOKE ALL ON {table} FROM {role};");
        for right in rights.of(program) {
            let _ = writeln!(sql, "GRANT {right} ON {table} TO {role};");
        }
    }
    sql
}

/// What a process of this name needs and its login may not, such as `SELECT on tenants`. Tables that are not there yet are left out.
pub(crate) async fn missing(store: &Store, name: &str) -> Result<Vec<String>, StoreError> {
    let (mut tables, mut columns, mut privileges) = (Vec::new(), Vec::new(), Vec::new());
    for program in needed_by(name) {
        for rights in RIGHTS {
            for (column, privilege) in rights.of(program).iter().flat_map(Right::each) {
                tables.push(rights.table);
                columns.push(column);
                privileges.push(privilege);
            }
        }
    }
    let sql = "
        SELECT DISTINCT privilege || ' on ' || held
        FROM unnest($1::text[], $2::text[], $3::text[]) AS needed(held, part, privilege)
        WHERE to_regclass(held) IS NOT NULL
          AND NOT CASE WHEN part IS NULL THEN has_table_privilege(to_regclass(held), privilege)
                       -- one that is not there yet: NULL
                       ELSE coalesce(has_column_privilege(to_regclass(held), part, privilege), true) END
        ORDER BY 1";
    let client = store.client().await?;
    let rows = client.answer(client.query(sql, &[&tables, &columns, &privileges])).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}
