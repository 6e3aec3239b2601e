//! What was brought about, and how long it took to recover.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use runtime::Shutdown;
use serde::Serialize;

use crate::fault::Kind;

/// One line of the table.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Line {
    injected: u64,
    survived: u64,
    longest_recovery_ms: u64,
}

/// Everything so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    inner: Mutex<Inner>,
    /// Begun by the first finding: faults under way end, and no more come, which would only cover its traces.
    pub(crate) found: Shutdown,
}

#[derive(Debug, Default)]
struct Inner {
    lines: BTreeMap<Kind, Line>,
    findings: Vec<String>,
}

/// What is printed at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict<'a> {
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) reproduce: String,
    pub(crate) faults: BTreeMap<Kind, Line>,
    /// What was checked at the end, and how much of it there was.
    pub(crate) checked: &'a [(&'static str, u64)],
    /// What does not hold; empty when all is well.
    pub(crate) findings: Vec<String>,
    pub(crate) logs: Option<String>,
}

impl Tally {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn injected(&self, kind: Kind) {
        self.inner().lines.entry(kind).or_default().injected += 1;
    }

    pub(crate) fn survived(&self, kind: Kind, recovery: Duration) {
        let mut inner = self.inner();
        let line = inner.lines.entry(kind).or_default();
        line.survived += 1;
        let recovery_ms = u64::try_from(recovery.as_millis()).unwrap_or(u64::MAX);
        line.longest_recovery_ms = line.longest_recovery_ms.max(recovery_ms);
    }

    pub(crate) fn find(&self, finding: impl Into<String>) {
        self.inner().findings.push(finding.into());
        self.found.begin();
    }

    pub(crate) fn count(&self, kinds: &[Kind]) -> u64 {
        let inner = self.inner();
        kinds.iter().filter_map(|kind| inner.lines.get(kind)).map(|line| line.injected).sum()
    }

    pub(crate) fn injected_in_all(&self) -> u64 {
        self.inner().lines.values().map(|line| line.injected).sum()
    }

    pub(crate) fn lines(&self) -> BTreeMap<Kind, Line> {
        self.inner().lines.clone()
    }

    pub(crate) fn findings(&self) -> Vec<String> {
        self.inner().findings.clone()
    }
}

impl Verdict<'_> {
    /// Prints it: a table for people, or one JSON object.
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "fault",
            "injected",
            "survived",
            "longest recovery",
        ]);
        for (kind, line) in &self.faults {
            let name = serde_json::to_value(kind)?.as_str().unwrap_or_default().to_owned();
            let recovery = format!("{:.1} s", line.longest_recovery_ms as f64 / 1000.0);
            table.add_row([name, line.injected.to_string(), line.survived.to_string(), recovery]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(out, "{table}\n")?;
        for (what, count) in self.checked {
            writeln!(out, "{count:>8}  {what}")?;
        }
        for finding in &self.findings {
            writeln!(out, "\nBROKEN: {finding}")?;
        }
        if let Some(logs) = &self.logs {
            writeln!(out, "\nlogs: {logs}")?;
        }
        let outcome = if self.findings.is_empty() { "all holds" } else { "NOT all holds" };
        writeln!(
            out,
            "\n{outcome} after {} s of seed {}; again: {}",
            self.seconds, self.seed, self.reproduce
        )?;
        Ok(())
    }
}
