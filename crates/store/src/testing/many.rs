//! Very many conversations or connections, made in the database, and what is read of them.

use std::time::Duration;

use tokio::time::Instant;

use super::{ROLE, TestDatabase};
use crate::{Speaker, Tx};

impl TestDatabase {
    /// The tenant that [`fill`](Self::fill) makes.
    pub const MANY: &str = "many";

    /// Makes a tenant with so many conversations, all small, and everything that belongs to it in proportion. Conversation number N
    /// has the id `md5('conversation N')`, and begins before number N + 1.
    pub async fn fill(&self, conversations: u64) {
        let made = format!("SET many.conversations = {conversations}; {}", include_str!("many.sql"));
        self.execute(&made).await;
        self.execute("VACUUM (FREEZE, ANALYZE)").await;
    }

    /// Makes so many connections that are due every so many seconds, evenly.
    pub async fn fill_connections(&self, connections: u64, interval: Duration) {
        let made = format!(
            "SET connections.count = {connections}; SET connections.interval_s = {}; {}",
            interval.as_secs(),
            include_str!("connections.sql")
        );
        self.execute(&made).await;
        self.execute("VACUUM (FREEZE, ANALYZE)").await;
    }

    /// How many rows and index entries a question reads, asked as a role does, whose statements are planned once for all parameters.
    pub async fn rows_read_by(&self, speaker: Speaker<'_>, question: impl AsyncFnOnce(&Tx)) -> i64 {
        let before = self.rows_read().await;
        let store = self.another_store();
        let tx = store.begin(speaker).await.expect("a transaction");
        question(&tx).await;
        tx.commit().await.expect("a commit");
        drop(store);
        self.rows_read().await - before
    }

    /// Rows and index entries read so far, by whoever spoke as the unprivileged role and has hung up.
    pub async fn rows_read(&self) -> i64 {
        let deadline = Instant::now() + Duration::from_secs(20);
        let connected = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = '{ROLE}'"
        );
        while self.number(&connected).await > 0 {
            assert!(Instant::now() < deadline, "somebody is still connected");
        }
        self.execute("SELECT pg_stat_force_next_flush()").await;
        let read = "SELECT ((SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
                          + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::bigint";
        self.number(read).await
    }
}
