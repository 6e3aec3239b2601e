//! What is kept as the vendor says it: evidence, not meaning.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::call::Call;
use super::context;
use super::meta::{Meta, Moment};
use super::people::Parties;
use crate::nul::NulSweeper;

/// Direction, language and the rest of what a call is, the parties' ids, the CRM's fields, and the names of fields that held another type
/// than expected.
pub(super) fn kept(
    meta: &Meta<'_>,
    call: &Call<'_>,
    parties: &Parties,
    is_mended: bool,
    nul: &mut NulSweeper,
) -> Value {
    let text = |text: Cow<'_, str>| Value::from(text.into_owned());
    let fields = [
        ("direction", meta.direction.get().map(text)),
        ("scope", meta.scope.get().map(text)),
        ("system", meta.system.get().map(text)),
        ("media", meta.media.get().map(text)),
        ("language", meta.language.get().map(text)),
        ("purpose", meta.purpose.get().map(text)),
        ("started", meta.started.get().map(Moment::into_value)),
        ("scheduled", meta.scheduled.get().map(Moment::into_value)),
        ("workspace_id", meta.workspace_id.get().map(Value::from)),
        ("calendar_event_id", meta.calendar_event_id.get().map(Value::from)),
        ("client_unique_id", meta.client_unique_id.get().map(Value::from)),
        ("sdr_disposition", meta.sdr_disposition.get().map(text)),
        ("custom_data", meta.custom_data.get()),
        ("parties", parties.kept()),
        ("crm", context::kept(&call.context)),
        ("_odd_fields", odd_fields(meta, call)),
        ("_lone_surrogates_replaced", is_mended.then_some(Value::Bool(true))),
    ];
    let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    nul.value(Value::Object(said.collect::<Map<_, _>>()))
}

fn odd_fields(meta: &Meta<'_>, call: &Call<'_>) -> Option<Value> {
    let mut odd = meta.odd_fields();
    odd.extend(call.odd_fields());
    odd.sort_unstable();
    (!odd.is_empty()).then(|| Value::from(odd))
}
