//! What each program's login may do, and what a login may see that says for nobody that it speaks.

use std::collections::{BTreeMap, BTreeSet};

use store::rights::{self, PROGRAMS, RIGHTS};
use store::testing::TestDatabase;

/// One row in every table of tenants, whatever it holds: of a tenant `acme`, past every foreign key and check.
const ONE_ROW_EACH: &str = "
    SET session_replication_role = replica;
    DO $$
    DECLARE
        tenants regclass;
        checked name;
        names text;
        made text;
    BEGIN
        FOR tenants IN SELECT attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                       WHERE attname = 'tenant_id' AND relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
            FOR checked IN SELECT conname FROM pg_constraint WHERE conrelid = tenants AND contype = 'c' LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', tenants, checked);
            END LOOP;
            SELECT string_agg(format('%I', attname), ', '),
                   string_agg(CASE WHEN attname = 'tenant_id' THEN quote_literal('acme')
                                   WHEN typcategory = 'A' THEN quote_literal('{}')
                                   WHEN typname = 'uuid' THEN 'gen_random_uuid()'
                                   WHEN typname = 'timestamptz' THEN 'now()'
                                   WHEN typname = 'date' THEN 'current_date'
                                   WHEN typname = 'bool' THEN 'false'
                                   WHEN typname = 'jsonb' THEN quote_literal('{}')
                                   WHEN typcategory = 'R' THEN quote_literal('{}')
                                   ELSE quote_literal('1') END, ', ')
            INTO names, made
            FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
            WHERE attrelid = tenants AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''
              AND (attnotnull AND NOT atthasdef OR attname = 'tenant_id');
            EXECUTE format('INSERT INTO %s (%s) VALUES (%s)', tenants, names, made);
        END LOOP;
    END
    $$";

const TABLES_AND_VIEWS: &str = "SELECT string_agg(relname::text, ' ') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'f')";

const OF_TENANTS: &str =
    "SELECT string_agg(relname::text, ' ') FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attname = 'tenant_id'";

async fn names(database: &TestDatabase, sql: &str) -> BTreeSet<String> {
    database.text(sql).await.split(' ').map(str::to_owned).collect()
}

/// A column of each table that a program may read, for those it may.
fn readable(program: &str) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    for rights in RIGHTS {
        for right in rights.of(program).iter().map(ToString::to_string) {
            if let Some(columns) = right.strip_prefix("SELECT") {
                let listed = columns.trim_matches([' ', '(', ')']).split(", ").next().unwrap_or_default();
                found.insert(rights.table, if listed.is_empty() { "*" } else { listed }.to_owned());
            }
        }
    }
    found
}

#[tokio::test]
async fn every_table_says_who_may_do_what_with_it() {
    let database = TestDatabase::fresh().await;
    let listed: BTreeSet<String> = RIGHTS.iter().map(|rights| rights.table.to_owned()).collect();
    let there = names(&database, TABLES_AND_VIEWS).await;
    assert_eq!(
        listed, there,
        "crates/store/src/rights/table.rs lists what the migrations make, and nothing else"
    );
    assert!(RIGHTS.is_sorted_by_key(|rights| rights.table));
    database.finish().await;
}

/// The table as it stands in `deploy/security.md`: a star where only some columns are meant, which follow below it.
fn table_for_people() -> String {
    let mut rows =
        vec![format!("| table | {} |", PROGRAMS.join(" | ")), "|---|---|---|---|---|---|".to_owned()];
    let mut columns = Vec::new();
    for rights in RIGHTS {
        let cells = PROGRAMS.into_iter().zip(rights.by_program).map(|(program, cell)| {
            if cell.contains('(') {
                columns.push(format!("- {}, {program}: `{cell}`", rights.table));
            }
            let letters: String = cell.split(['(', ')']).step_by(2).collect();
            format!(" {letters}{} |", if cell.contains('(') { "*" } else { "" })
        });
        let row = format!("| {} |{}", rights.table, cells.collect::<String>());
        rows.push(row.replace("  |", " |"));
    }
    format!("{}\n\n{}\n", rows.join("\n"), columns.join("\n"))
}

#[test]
fn people_read_the_table_that_is_granted() {
    let page = include_str!("../../../deploy/security.md");
    let table = table_for_people();
    assert!(page.contains(&table), "deploy/security.md should hold:\n{table}");
}

#[tokio::test]
async fn who_says_for_no_tenant_sees_nothing_of_any_under_every_login() {
    let database = TestDatabase::fresh().await;
    database.execute(ONE_ROW_EACH).await;
    let tables = names(&database, OF_TENANTS).await;
    assert!(tables.len() > 30 && tables.contains("transcripts"), "{tables:?}");
    for table in &tables {
        assert_eq!(database.number(&format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
        let guarded = format!(
            "SELECT count(*) FROM pg_class c JOIN pg_policy p ON polrelid = c.oid
             WHERE c.oid = '{table}'::regclass AND relrowsecurity AND relforcerowsecurity AND polcmd = '*'"
        );
        assert_eq!(database.number(&guarded).await, 1, "{table} is handed to guard_by_tenant");
    }
    for program in PROGRAMS {
        for (table, column) in readable(program).into_iter().filter(|(table, _)| tables.contains(*table)) {
            for (speaks_for, seen) in [(None, 0), (Some("other"), 0), (Some("acme"), 1), (Some("*"), 1)] {
                let says = speaks_for.map(|tenant| format!("SET LOCAL switchboard.tenants = '{tenant}';"));
                let sql = format!("BEGIN; {} SELECT count({column}) FROM {table}", says.unwrap_or_default());
                let found = database.ask_as(program, &sql).await.expect("a right of the table");
                assert_eq!(found, seen, "{program} reads {table}, speaking for {speaks_for:?}");
            }
        }
    }
    database.finish().await;
}

#[tokio::test]
async fn what_a_program_has_no_need_of_it_may_not_read_or_write() {
    let database = TestDatabase::fresh().await;
    let everybody = "SET switchboard.tenants = '*';";
    for (program, sql) in [
        ("scheduler", "SELECT body FROM transcripts"),
        ("scheduler", "SELECT sealed FROM credentials"),
        ("scheduler", "SELECT summary FROM conversations"),
        ("scheduler", "SELECT body FROM dead_letters"),
        ("fetcher", "SELECT body FROM transcripts"),
        ("fetcher", "SELECT body FROM raw_documents"),
        ("fetcher", "SELECT summary FROM conversations"),
        ("fetcher", "DELETE FROM conversations"),
        ("normalizer", "SELECT sealed FROM credentials"),
        ("normalizer", "SELECT generation FROM credentials"),
        ("normalizer", "UPDATE credentials SET invalid_at = NULL"),
        ("normalizer", "SELECT body FROM dead_letters"),
        ("steward", "SELECT sealed FROM credentials"),
        ("steward", "SELECT body FROM claim_checks"),
        ("steward", "SELECT body FROM transcripts"),
        ("desk", "DELETE FROM transcripts"),
        ("desk", "SELECT body FROM raw_documents"),
    ] {
        let refused = database.ask_as(program, &format!("{everybody} {sql}")).await;
        let error = refused.expect_err(sql).to_string();
        assert!(error.contains("permission denied") && error.contains("deploy/security.md"), "{error}");
    }
    // what it needs of the same tables it may
    for (program, sql) in [
        ("scheduler", "SELECT count(held_until) FROM credentials"),
        ("fetcher", "SELECT count(sealed) FROM credentials"),
        ("normalizer", "SELECT count(body) FROM transcripts"),
        ("steward", "SELECT count(body) FROM dead_letters"),
        ("desk", "SELECT count(body) FROM transcripts"),
    ] {
        database.ask_as(program, &format!("{everybody} {sql}")).await.expect(sql);
    }
    database.finish().await;
}

#[tokio::test]
async fn only_the_owner_changes_tables() {
    let database = TestDatabase::fresh().await;
    for program in PROGRAMS.into_iter().chain(["all"]) {
        for sql in [
            "ALTER TABLE tenants ADD COLUMN more text",
            "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY",
            "DROP POLICY spoken_for ON tenants",
            "CREATE POLICY all_of_it ON tenants USING (true)",
            "DROP TABLE transcripts",
            "TRUNCATE transcripts",
            "CREATE TABLE more (one integer)",
            "CREATE FUNCTION more() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION tenants_spoken_for() RETURNS text[] LANGUAGE sql AS 'SELECT ARRAY[''*'']'",
            "GRANT SELECT ON transcripts TO PUBLIC",
            "UPDATE refinery_schema_history SET version = 1",
            "SET ROLE switchboard_test",
            "CREATE ROLE more",
        ] {
            let refused = database.ask_as(program, sql).await;
            // a grant that gives nothing is a warning: what counts is that it gives nothing
            if let Err(error) = refused {
                let error = error.to_string();
                assert!(
                    error.contains("permission denied") || error.contains("must be owner"),
                    "{program}: {error}"
                );
            } else {
                assert!(sql.starts_with("GRANT"), "{program} may {sql}");
            }
        }
    }
    let given = "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC' AND table_schema = 'public'";
    assert_eq!(database.number(given).await, 0);
    database.finish().await;
}

#[tokio::test]
async fn granting_again_takes_back_what_is_not_in_the_table() {
    let database = TestDatabase::fresh().await;
    database.execute("GRANT ALL ON transcripts TO switchboard_fetcher").await;
    assert!(database.ask_as("fetcher", "SELECT count(*) FROM transcripts").await.is_ok());
    let (one, other) = tokio::join!(rights::grant(database.store()), rights::grant(database.store()));
    assert_eq!((one.unwrap().len(), other.unwrap().len()), (PROGRAMS.len(), PROGRAMS.len()));
    assert!(database.ask_as("fetcher", "SELECT count(*) FROM transcripts").await.is_err());
    for program in PROGRAMS {
        let named = if program == "desk" { "command" } else { program };
        database.store_as(program, named).check_schema().await.expect("every right that is needed");
    }
    database.finish().await;
}

#[tokio::test]
async fn a_login_that_may_not_do_what_its_program_does_is_refused_with_what_to_do() {
    let database = TestDatabase::fresh().await;
    for (login, program, role) in [
        ("fetcher", "normalizer", "switchboard_normalizer"),
        ("scheduler", "command", "switchboard_desk"),
        ("desk", "all", "switchboard_scheduler"),
    ] {
        let error = database.store_as(login, program).check_schema().await.unwrap_err().to_string();
        let advice = [format!("GRANT {role}"), format!("TO switchboard_test_{login}")];
        assert!(advice.iter().all(|part| error.contains(part)), "{error}");
    }
    // before rights are granted not even the version can be asked for
    let bare = TestDatabase::empty().await;
    store::migrate(bare.store(), None).await.unwrap();
    let error = bare.store_as("steward", "steward").check_schema().await.unwrap_err().to_string();
    assert!(error.contains("switchboard migrate") && error.contains("refinery_schema_history"), "{error}");
    bare.finish().await;
    // the owner may do everything; who has a single login is not refused
    database.store_as("all", "all").check_schema().await.unwrap();
    database.finish().await;
}
