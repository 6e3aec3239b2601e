//! Who talked how much.

use model::Insight;
use serde_json::{Value, json};

use super::insights::{insight, items, scalar, slug};
use super::people::Parties;

/// Talk times with their shares, Gong's own statistics, questions, and what the camera showed.
pub(super) fn insights(interaction: &Value, parties: &Parties) -> Vec<Insight> {
    let mut all = vec![insight("talk_times", "Talk times", "interaction", talk_times(interaction, parties))];
    for stat in items(&interaction["interactionStats"]) {
        let Some(name) = scalar(&stat["name"]) else { continue };
        all.push(insight(&format!("stat.{}", slug(&name)), &name, "interaction", stat["value"].clone()));
    }
    all.push(insight("questions", "Questions", "interaction", interaction["questions"].clone()));
    all.push(insight("video", "Video", "interaction", interaction["video"].clone()));
    all
}

/// Every speaker's seconds and share of all that was said.
fn talk_times(interaction: &Value, parties: &Parties) -> Value {
    let speakers: Vec<&Value> = items(&interaction["speakers"]).collect();
    let talked =
        |speaker: &Value| speaker["talkTime"].as_f64().filter(|time| time.is_finite() && *time >= 0.0);
    let total: f64 = speakers.iter().filter_map(|speaker| talked(speaker)).sum();
    let listed = speakers.into_iter().map(|speaker| {
        let seconds = talked(speaker);
        // rounded, so that the last bits of a sum do not make another call of it
        let share = seconds.filter(|_| total > 0.0).map(|seconds| (seconds / total * 1000.0).round() / 1000.0);
        let id = scalar(&speaker["id"]);
        let by_party = id.as_deref().and_then(|id| parties.party(id).map(str::to_owned));
        let by_user = || scalar(&speaker["userId"]).and_then(|id| parties.user(&id).map(str::to_owned));
        // of which space the id is, nobody says: the party's comes first, as in the vendor's own example
        let by_voice = || id.as_deref().and_then(|id| parties.voice(id).map(str::to_owned));
        json!({
            "speaker": by_party.or_else(by_user).or_else(by_voice), "id": speaker["id"], "talk_time_s": seconds, "talk_ratio": share,
        })
    });
    Value::from(listed.collect::<Vec<_>>())
}
