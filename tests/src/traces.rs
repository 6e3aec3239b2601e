//! Where a word is found in all that the system wrote.

use std::collections::BTreeSet;

use store::testing::TestDatabase;

use crate::disguise::{forms, hex};
use crate::{Role, Stand};

/// Everything that was written so far, place by place. Rows are asked for one by one, in the database.
pub struct Traces<'a> {
    database: &'a TestDatabase,
    texts: Vec<(String, String)>,
}

impl Traces<'_> {
    /// The places where a word is: tables, messages, metrics of roles, output and logs of roles and commands.
    pub async fn of(&self, word: &str) -> BTreeSet<String> {
        self.of_any(&BTreeSet::from([word.to_owned()])).await
    }

    /// The places where a secret is, as it is or encoded.
    pub async fn of_secret(&self, secret: &str) -> BTreeSet<String> {
        self.of_any(&forms(secret)).await
    }

    /// The same, with something else that was written.
    #[must_use]
    pub fn and(mut self, place: &str, text: String) -> Self {
        self.texts.push((place.to_owned(), text));
        self
    }

    async fn of_any(&self, words: &BTreeSet<String>) -> BTreeSet<String> {
        let with_one = self.texts.iter().filter(|(_, text)| words.iter().any(|word| text.contains(word)));
        let mut places: BTreeSet<String> = with_one.map(|(place, _)| place.clone()).collect();
        let words: Vec<String> = words.iter().flat_map(|word| in_row(word)).collect();
        for table in tables(self.database).await {
            let rows = format!(
                "SELECT count(*) FROM (SELECT t::text AS row FROM {table} t OFFSET 0) AS rows
                 WHERE EXISTS (SELECT FROM unnest(ARRAY[{}]) AS word WHERE strpos(row, word) > 0)",
                words.join(", ")
            );
            if self.database.number(&rows).await > 0 {
                places.insert(format!("table {table}"));
            }
        }
        places
    }
}

/// A word as it stands in a row that is shown as text: in text, or in bytes. Quotes and backslashes are doubled there.
fn in_row(word: &str) -> [String; 2] {
    let shown = word.replace('\\', r"\\").replace('"', "\"\"");
    [shown, hex(word.as_bytes())].map(|word| format!("'{}'", word.replace('\'', "''")))
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
