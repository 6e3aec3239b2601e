//! What a reader of Gong's documents ought to find, known from how the world was made; nothing is parsed.

use model::{SkipReason, TranscriptStatus};

use crate::world::{Expected, ExpectedAttendee, Plan, Readiness, User, Workspace};

/// Gong has ids of its own for the same users.
fn known_to_gong(workspace: &Workspace, person: ExpectedAttendee) -> ExpectedAttendee {
    let user = workspace.roster.users.iter().find(|user| Some(&user.uuid) == person.user.as_ref());
    ExpectedAttendee { user: user.map(User::gong_id), ..person }
}

/// What is to be found about one call.
pub(crate) fn expected(workspace: &Workspace, plan: &Plan, common: Expected) -> Expected {
    let transcript = match plan.traits.readiness {
        _ if plan.empty => TranscriptStatus::None,
        Readiness::Ready => TranscriptStatus::Ready,
        Readiness::Late => TranscriptStatus::Pending,
        Readiness::Failed => TranscriptStatus::None,
    };
    let ended_ms = plan.gong_started_at().as_millisecond() + plan.gong_duration_s() * 1000;
    Expected {
        id: workspace.gong_id_of(plan),
        started_at: plan.gong_started_at(),
        finished_at: jiff::Timestamp::from_millisecond(ended_ms).unwrap_or(plan.finished_at),
        // Gong knows neither archives nor empty calls
        skip: plan.private.then_some(SkipReason::Private),
        transcript,
        segments: if plan.has_transcript() { plan.segments } else { 0 },
        url: format!("https://app.gong.io/call?id={}", workspace.gong_id_of(plan)),
        duration_s: plan.gong_duration_s() as f64,
        summary: plan.has_transcript().then(|| super::analysis::summary(plan)),
        insights: None,
        attendees: common.attendees.into_iter().map(|person| known_to_gong(workspace, person)).collect(),
        ..common
    }
}
