//! A transaction that says for whom it speaks.

use deadpool_postgres::Object;
use futures::future::try_join_all;
use model::TenantId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::StoreError;
use crate::lent::Lent;

/// For whom a transaction speaks.
#[derive(Debug, Clone, Copy)]
pub enum Speaker<'a> {
    /// One tenant: whatever serves a tenant's work or questions.
    Tenant(&'a TenantId),
    /// These tenants: a batch of the normalizer.
    Tenants(&'a [&'a TenantId]),
    /// All tenants: schedules, sweeps, the steward's numbers.
    Everybody,
}

impl Speaker<'_> {
    fn setting(&self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.as_str().to_owned(),
            Self::Tenants(tenants) => {
                tenants.iter().map(|tenant| tenant.as_str()).collect::<Vec<_>>().join(",")
            }
            Self::Everybody => "*".to_owned(),
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`] it is rolled back.
pub struct Tx {
    client: Option<Lent>,
}

/// Transactions of a connection until its statements are planned anew.
const PLANS_KEPT_FOR: usize = 256;

/// Whether a connection that was lent so often is to plan its statements anew.
///
/// Plans do not look at parameters, so they are made once and kept. Those that were made while a table was nearly empty are wrong when it is
/// full: by then any index that begins with the tenant looked as good as the right one, and every row of the tenant is read for each that
/// is wanted. The server itself notices after minutes. A first sync fills tables within seconds, so a connection looks again each time
/// that it has done twice as much; and regularly, for it may have idled for days beside tables that are filled now.
fn plans_anew(lent: usize) -> bool {
    lent.is_power_of_two() || (lent > 0 && lent.is_multiple_of(PLANS_KEPT_FOR))
}

/// Parameters of a statement.
pub(crate) type Params<'a> = [&'a (dyn ToSql + Sync)];

impl Tx {
    pub(crate) async fn begin(client: Lent, speaker: Speaker<'_>) -> Result<Self, StoreError> {
        // from here on the guard owns the client: if this future is dropped half-way, the transaction ends with it
        let tx = Self { client: Some(client) };
        // tenant ids are a checked alphabet without quotes (`TenantId::parse`)
        let plans =
            if plans_anew(Object::metrics(tx.client()).recycle_count) { "DISCARD PLANS; " } else { "" };
        let begin = format!("{plans}BEGIN; SET LOCAL switchboard.tenants = '{}'", speaker.setting());
        tx.client().answer(tx.client().batch_execute(&begin)).await?;
        Ok(tx)
    }

    /// Commits. An error here means *unknown*: repeat, and rely on the writes being idempotent.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.client().answer(self.client().batch_execute("COMMIT")).await?;
        self.client = None;
        Ok(())
    }

    /// Ends the transaction without effect.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        self.client().answer(self.client().batch_execute("ROLLBACK")).await?;
        self.client = None;
        Ok(())
    }

    pub(crate) fn client(&self) -> &Lent {
        self.client.as_ref().expect("the client leaves only with the transaction")
    }

    pub(crate) async fn query(&self, sql: &str, params: &Params<'_>) -> Result<Vec<Row>, StoreError> {
        let client = self.client();
        let asked = async { client.query(&client.prepare_cached(sql).await?, params).await };
        client.answer(asked).await
    }

    pub(crate) async fn query_opt(&self, sql: &str, params: &Params<'_>) -> Result<Option<Row>, StoreError> {
        let client = self.client();
        let asked = async { client.query_opt(&client.prepare_cached(sql).await?, params).await };
        client.answer(asked).await
    }

    pub(crate) async fn query_one(&self, sql: &str, params: &Params<'_>) -> Result<Row, StoreError> {
        let client = self.client();
        let asked = async { client.query_one(&client.prepare_cached(sql).await?, params).await };
        client.answer(asked).await
    }

    pub(crate) async fn execute(&self, sql: &str, params: &Params<'_>) -> Result<u64, StoreError> {
        let client = self.client();
        let asked = async { client.execute(&client.prepare_cached(sql).await?, params).await };
        client.answer(asked).await
    }

    /// Has every statement planned anew when it is given next, the checks of foreign keys among them.
    pub(crate) async fn plan_anew(&self) -> Result<(), StoreError> {
        self.client().answer(self.client().batch_execute("DISCARD PLANS")).await?;
        Ok(())
    }

    /// Runs statements in the given order in one round trip: polled together, they are pipelined.
    pub(crate) async fn execute_pipelined(
        &self,
        statements: &[(&str, &Params<'_>)],
    ) -> Result<Vec<u64>, StoreError> {
        let client = self.client();
        let asked = async {
            let prepared = try_join_all(statements.iter().map(|(sql, _)| client.prepare_cached(sql))).await?;
            let runs = prepared
                .iter()
                .zip(statements)
                .map(|(statement, (_, params))| client.execute(statement, params));
            try_join_all(runs).await
        };
        client.answer(asked).await
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // no runtime, no rollback: the connection must not go back to the pool inside a transaction
            return client.close();
        };
        if client.owes() {
            // closed with what is under way, and rolled back by the server
            return client.close();
        }
        runtime.spawn(async move {
            if client.answer(client.batch_execute("ROLLBACK")).await.is_err() {
                client.close();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_planned_anew_when_twice_as_much_is_done_and_regularly() {
        let anew: Vec<usize> = (0..=1024).filter(|lent| plans_anew(*lent)).collect();
        assert_eq!(anew, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024]);
    }
}
