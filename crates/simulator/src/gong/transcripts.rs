//! Transcripts of calls: those that are not there yet, or never come, are left out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::Caller;
use super::calls;
use super::party::parties;
use super::query::Query;
use crate::faults::Hits;
use crate::reply::Reply;
use crate::speech::{Spoken, spoken};
use crate::world::{Plan, Workspace};

const TOPICS: [Option<&str>; 4] = [Some("Small talk"), Some("Pricing"), None, Some("Wrap-up")];

/// Answers with one page of transcripts.
pub(crate) fn page(caller: &Caller, query: &Query, hits: &Hits, now: Timestamp) -> Result<Reply, Reply> {
    let slice = calls::slice(caller, query, hits, now, Plan::is_transcribed_by_gong)?;
    let rows: Vec<String> =
        slice.plans.iter().map(|plan| entry(&caller.workspace, plan).to_string()).collect();
    Ok(slice.reply(caller, query, "callTranscripts", &rows))
}

fn entry(workspace: &Workspace, plan: &Plan) -> Value {
    let speakers: Vec<Vec<String>> = parties(workspace, plan)
        .into_iter()
        .filter(|party| party.speaks)
        .map(|party| party.speaker_ids)
        .collect();
    let spoken = if plan.has_transcript() { spoken(plan) } else { Vec::new() };
    let monologues: Vec<Value> =
        spoken.iter().enumerate().map(|(nth, one)| monologue(plan, nth, one, &speakers)).collect();
    json!({ "callId": workspace.gong_id_of(plan), "transcript": monologues })
}

fn monologue(plan: &Plan, nth: usize, one: &Spoken, speakers: &[Vec<String>]) -> Value {
    // somebody whom no party names spoke now and then
    let nobody = vec![format!("9{:018}", one.speaker)];
    let ids = speakers.get(one.speaker).unwrap_or(&nobody);
    let id = &ids[nth % ids.len()];
    // the same id is a number in one place and a text in another
    let id = if plan.style.is_multiple_of(13) {
        id.parse::<u64>().map_or(json!(id), |id| json!(id))
    } else {
        json!(id)
    };
    let topic = TOPICS[nth / 2 % TOPICS.len()];
    let mut monologue = json!({ "speakerId": id, "sentences": sentences(one) });
    if topic.is_some() || nth.is_multiple_of(2) {
        monologue["topic"] = json!(topic);
    }
    monologue
}

/// Two sentences, in milliseconds from the start.
fn sentences(one: &Spoken) -> Vec<Value> {
    let (first, second) = one.words.split_at(one.words.len() / 2);
    let middle = i64::midpoint(one.start_ms, one.end_ms);
    let sentence = |words: &[&str], start: i64, end: i64| json!({ "start": start, "end": end, "text": format!("{}.", words.join(" ")) });
    vec![sentence(first, one.start_ms, middle), sentence(second, middle, one.end_ms)]
}
