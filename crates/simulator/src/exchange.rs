//! From a caller's request to its answer, with limits and faults in between: the same at every vendor.

use axum::response::Response;
use jiff::Timestamp;

use crate::Endpoint;
use crate::faults::{self, Hits};
use crate::log::RequestLog;
use crate::reply::Reply;
use crate::server::App;
use crate::wire::{self, Connection};
use crate::world::{RateLimit, Workspace};

/// What is asked of a workspace, and how its vendor refuses.
pub(crate) struct Exchange<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) log: &'a RequestLog,
    pub(crate) limits: Vec<RateLimit>,
    pub(crate) endpoint: Endpoint,
    pub(crate) conversation: Option<&'a str>,
    pub(crate) path: &'a str,
    /// A refusal in the vendor's form.
    pub(crate) refuse: fn(u16, &str) -> Reply,
    /// The refusal that a fault puts in the answer's place.
    pub(crate) refusal: fn(&Hits, Timestamp) -> Option<Reply>,
}

impl Exchange<'_> {
    /// Answers; `reply` is what the vendor says in good health.
    pub(crate) async fn answer(
        self,
        app: &App,
        connection: &Connection,
        reply: impl FnOnce(&Hits) -> Reply,
    ) -> Response {
        let latency = self.workspace.settings().latency;
        let ticket = self.log.arrive(self.endpoint, self.path, &self.limits);
        let hits = self.workspace.faults().hits(self.endpoint, self.conversation);
        app.wait(faults::delay(&hits, latency, self.workspace.salt ^ ticket.number)).await;
        if let Some(holder) = faults::holder(&hits) {
            tokio::select! {
                () = app.shutdown.cancelled() => {}
                () = self.workspace.until_off(holder) => {}
            }
        }
        if let Some(limit) = ticket.refused_by {
            let refusal = (self.refuse)(429, "rate limit exceeded");
            ticket.answered(429);
            return wire::response(match limit.retry_after_s {
                Some(seconds) => refusal.with_header("retry-after", seconds.to_string()),
                None => refusal,
            });
        }
        if faults::hangs(&hits) {
            app.shutdown.cancelled().await;
        }
        if faults::hangs(&hits) || faults::resets(&hits) {
            connection.reset();
            return wire::response((self.refuse)(500, "never sent"));
        }
        let reply = match (self.refusal)(&hits, app.world.now()) {
            Some(refusal) => refusal,
            None => faults::twist(&hits, self.endpoint, reply(&hits)),
        };
        ticket.answered(reply.status);
        wire::response(reply)
    }
}
