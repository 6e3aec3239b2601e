//! Where a word is found in all that the system wrote.

use std::collections::BTreeSet;

use store::testing::TestDatabase;

use crate::{Role, Stand};

/// Everything that was written so far, place by place. Rows are asked for one by one, in the database.
pub struct Traces<'a> {
    database: &'a TestDatabase,
    texts: Vec<(String, String)>,
}

impl Traces<'_> {
    /// The places where a word is: tables, messages, metrics of roles, output and logs of roles and commands.
    pub async fn of(&self, word: &str) -> BTreeSet<String> {
        let with_it = self.texts.iter().filter(|(_, text)| text.contains(word));
        let mut places: BTreeSet<String> = with_it.map(|(place, _)| place.clone()).collect();
        for table in tables(self.database).await {
            let rows = format!(
                "SELECT count(*) FROM {table} t WHERE strpos(t::text, '{word}') > 0
                 OR strpos(t::text, encode(convert_to('{word}', 'UTF8'), 'hex')) > 0"
            );
            if self.database.number(&rows).await > 0 {
                places.insert(format!("table {table}"));
            }
        }
        places
    }
}

/// Every table of every schema but the server's own, as the catalogue has them.
async fn tables(database: &TestDatabase) -> Vec<String> {
    let sql = "SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY c.oid) FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";
    database.text(sql).await.split(' ').map(str::to_owned).collect()
}

impl Stand {
    /// Everything that was written so far; what was published, since the vhost was tapped.
    pub async fn traces(&self, roles: &[Role]) -> Traces<'_> {
        let mut texts = vec![("messages".to_owned(), self.vhost.tapped().await.join("\n"))];
        for role in roles {
            texts.push((format!("metrics of {}", role.name()), role.get("/metrics").await));
        }
        for entry in std::fs::read_dir(self.path("")).expect("the folder").flatten() {
            let name = entry.file_name().display().to_string();
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                texts.push((name, std::fs::read_to_string(entry.path()).expect("a log")));
            }
        }
        Traces { database: &self.database, texts }
    }
}
