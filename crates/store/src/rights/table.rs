//! The table itself, measured: the server said of every statement that the stories give which tables and columns it needs.

use std::fmt;

/// The kinds of programs that have rights of their own, in the order of the table's columns. `desk` is a person's commands.
pub const PROGRAMS: [&str; 5] = ["scheduler", "fetcher", "normalizer", "steward", "desk"];

/// What the programs may do with one table or view.
#[derive(Debug)]
pub struct Rights {
    /// Its name.
    pub table: &'static str,
    /// A cell for each of [`PROGRAMS`].
    pub by_program: [&'static str; 5],
}

/// A privilege, on all columns or on these.
#[derive(Debug, PartialEq, Eq)]
pub struct Right {
    privilege: &'static str,
    columns: Vec<&'static str>,
}

const fn of(table: &'static str, by_program: [&'static str; 5]) -> Rights {
    Rights { table, by_program }
}

/// Every table and view: r(ead), i(nsert), u(pdate), d(elete), of the columns in brackets only where others hold secrets or what people
/// said. Who locks a row must be allowed to update it.
#[rustfmt::skip]
pub const RIGHTS: &[Rights] = &[
    // scheduler, fetcher, normalizer, steward, desk
    of("absences", ["i", "", "", "rd", "r"]),
    of("account_changes", ["riud", "", "i", "r", "ri"]),
    of("account_domains", ["r", "", "rid", "", "rid"]),
    of("accounts", ["ru", "", "riu", "r", "riu"]),
    of("broken_invariants", ["", "", "", "rid", "r"]),
    of("claim_checks", ["", "riu", "r", "r(tenant_id claim claimed_at)d", "r"]),
    of("connection_blocks", ["r", "r", "", "r", "r"]),
    of("connection_stops", ["riu", "", "", "rd", "r"]),
    of("connections", ["r", "ru", "r", "r", "riu"]),
    of("contact_emails", ["r", "", "rid", "", "r"]),
    of("contacts", ["ru", "", "riu", "", "riu"]),
    of("conversation_owners", ["", "", "", "", "r"]),
    of("conversations", ["r(conversation_id tenant_id connection_id external_id started_at withdrawn_at account_id meeting_id calendar_key)u(withdrawn_at withdrawn_reason updated_at)", "r(conversation_id tenant_id connection_id external_id started_at withdrawn_at calendar_key)", "riu", "r(tenant_id connection_id vendor external_id started_at ended_at first_seen_at)", "ru"]),
    of("credential_refreshes", ["", "riud", "", "", ""]),
    of("credentials", ["r(connection_id generation invalid_at held_until)", "riud", "", "r(connection_id generation invalid_at invalid_reason refused_since held_until)", "riud"]),
    of("crm_merges", ["r", "", "riud", "", "r"]),
    of("dead_letters", ["r(dead_letter_id tenant_id stage connection_id run_id vendor_key version error deaths filed_at state replays replay_settled letter_group)u(state resolved_at resolution)", "", "r(dead_letter_id stage run_id filed_at replay_settled)u(replay_settled)", "riu", "ru"]),
    of("deals", ["ru", "", "riu", "", "ru"]),
    of("desk_actions", ["", "", "", "", "ri"]),
    of("expected_letters", ["i", "i", "i", "rid", "ri"]),
    of("forgotten_runs", ["", "", "", "ru", "r"]),
    of("heartbeats", ["riu", "", "", "r", "r"]),
    of("intake", ["ru", "riu", "riu", "riu", "ru"]),
    of("invariant_looks", ["", "", "", "ru", ""]),
    of("letter_prospects", ["", "", "", "r", "r"]),
    of("linked_records", ["r", "", "riud", "", ""]),
    of("meeting_aliases", ["", "", "riud", "", "r"]),
    of("meeting_links", ["", "", "", "", "r"]),
    of("meeting_splits", ["", "", "r", "", "rid"]),
    of("outbox", ["riu", "i", "", "ri", "ri"]),
    of("participants", ["r(conversation_id tenant_id email_key domain started_at vendor_user_id)", "r(conversation_id tenant_id email_key started_at)", "riud", "", "r"]),
    of("raw_documents", ["", "", "rid", "", "r(connection_id vendor_key version)"]),
    of("record_standings", ["", "", "", "r", "r"]),
    of("refinery_schema_history", ["r", "r", "r", "r", "r"]),
    of("replay_letters", ["", "", "", "rud", "riu"]),
    of("replays", ["", "", "", "rud", "riu"]),
    of("resolve_batches", ["riud", "", "riud", "rud", "ri"]),
    of("rule_walks", ["", "", "riu", "", ""]),
    of("run_blocks", ["r", "", "", "", "r"]),
    of("run_item_outcomes", ["r", "", "", "r", "r"]),
    of("run_items", ["rid", "riu", "", "rd", "r"]),
    of("standing_accounts", ["r", "", "r", "", "r"]),
    of("streams", ["ru", "ru", "r", "r", "riu"]),
    of("sync_runs", ["riu", "ru", "", "rud", "ri"]),
    of("tenants", ["ru", "r", "r", "r", "riu"]),
    of("transcripts", ["", "", "riud", "", "r"]),
    of("user_emails", ["", "", "rid", "", "r"]),
    of("users", ["", "", "riu", "", "r"]),
    of("vendor_account_names", ["", "", "", "", "ri"]),
    of("vendor_budgets", ["r", "ru", "", "r", "riu"]),
    of("vendor_hours", ["r", "riud", "", "r", "riud"]),
    of("vendor_permits", ["", "", "", "", ""]),
    of("vendor_shares", ["r", "r", "", "r", "r"]),
];

impl Rights {
    /// What a program may do.
    pub fn of(&self, program: &str) -> Vec<Right> {
        let found = PROGRAMS.iter().position(|one| *one == program);
        let mut rest = found.map(|index| self.by_program[index]).unwrap_or_default();
        let mut rights = Vec::new();
        while let Some(letter) = rest.chars().next() {
            rest = &rest[1..];
            let mut columns = Vec::new();
            if let Some((listed, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
                columns = listed.split(' ').collect();
                rest = after;
            }
            rights.push(Right { privilege: privilege(letter), columns });
        }
        rights
    }
}

fn privilege(letter: char) -> &'static str {
    match letter {
        'r' => "SELECT",
        'i' => "INSERT",
        'u' => "UPDATE",
        'd' => "DELETE",
        other => unreachable!("{other} stands for no right"),
    }
}

impl Right {
    /// The privilege by column, or once for the whole table.
    pub(super) fn each(&self) -> Vec<(Option<&'static str>, &'static str)> {
        if self.columns.is_empty() {
            return vec![(None, self.privilege)];
        }
        self.columns.iter().map(|column| (Some(*column), self.privilege)).collect()
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.privilege)?;
        if self.columns.is_empty() { Ok(()) } else { write!(f, " ({})", self.columns.join(", ")) }
    }
}
