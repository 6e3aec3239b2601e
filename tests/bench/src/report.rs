//! Figures beside what was promised.

use std::io::Write as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::cpu::Cpu;

/// What a figure is to keep to.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    median: f64,
    lowest: f64,
    highest: f64,
    bound: Bound,
    kept: bool,
    /// What the figure was made of.
    details: String,
}

impl Figure {
    /// The median of what the rounds measured.
    pub(crate) fn of(
        what: String,
        unit: &'static str,
        rounds: &[f64],
        bound: Bound,
        details: String,
    ) -> Self {
        let median = median(rounds);
        let kept = match bound {
            Bound::AtMost(limit) => median <= limit,
            Bound::AtLeast(limit) => median >= limit,
        };
        let lowest = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { what, unit, median, lowest, highest, bound, kept, details }
    }
}

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Milliseconds of processor time per document, by program: the medians of the rounds.
pub(crate) fn per_document(rounds: &[&Cpu], documents: u64) -> String {
    let Some(first) = rounds.first() else { return String::new() };
    let of = |place: usize| {
        median(&rounds.iter().map(|cpu| cpu.by_program[place].1).collect::<Vec<_>>()) * 1000.0
            / documents as f64
    };
    let parts =
        first.by_program.iter().enumerate().map(|(place, (name, _))| format!("{name} {:.2}", of(place)));
    let total = median(&rounds.iter().map(|cpu| cpu.total()).collect::<Vec<_>>()) * 1000.0;
    format!("{:.2} ms ({})", total / documents as f64, parts.collect::<Vec<_>>().join(" + "))
}

/// Prints the table, or one JSON object a line.
pub(crate) fn print(figures: &[Figure], json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        for figure in figures {
            writeln!(out, "{}", serde_json::to_string(figure)?)?;
        }
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "median", "lowest … highest", "promised", ""]);
    for figure in figures {
        let (sign, bound) = match figure.bound {
            Bound::AtMost(bound) => ("≤", bound),
            Bound::AtLeast(bound) => ("≥", bound),
        };
        table.add_row([
            figure.what.clone(),
            format!("{:.2}{}", figure.median, figure.unit),
            format!("{:.2} … {:.2}", figure.lowest, figure.highest),
            format!("{sign} {bound}{}", figure.unit),
            (if figure.kept { "kept" } else { "MISSED" }).to_owned(),
        ]);
    }
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{table}\n")?;
    for figure in figures {
        writeln!(out, "{}\n    {}", figure.what, figure.details)?;
    }
    Ok(())
}
