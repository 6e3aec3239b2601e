//! The two lists of conversations.

use serde_json::{Value, json};

use super::document;
use super::query::Params;
use crate::Endpoint;
use crate::reply::Reply;
use crate::world::{KeyLevel, ListMeta, Plan, Readiness, WindowBy, Workspace};

/// Rows of the page before that a page repeats if it is to repeat rows.
const REPEATED: usize = 3;

/// One page of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) endpoint: Endpoint,
    pub(crate) level: KeyLevel,
    pub(crate) params: &'a Params,
    /// The page before lends its last rows.
    pub(crate) repeat_rows: bool,
}

/// Answers with one page.
pub(crate) fn page(asked: Asked<'_>) -> Reply {
    let Params { page, size, .. } = *asked.params;
    let offset = (page - 1).saturating_mul(size);
    let lent = if asked.repeat_rows { REPEATED.min(offset) } else { 0 };
    let wanted = offset - lent..offset.saturating_add(size);
    let (mut total, mut rows) = (0, Vec::new());
    for index in candidates(&asked) {
        if wanted.contains(&total) {
            rows.push(document::row(asked.workspace, &asked.workspace.plan(index), asked.params));
        }
        total += 1;
    }
    let data = rows.join(",");
    let links = links(asked.endpoint, page, size, total);
    let meta = meta(&asked, total).map(|meta| format!(",\"meta\":{meta}")).unwrap_or_default();
    Reply::json(format!("{{\"data\":[{data}],\"links\":{links}{meta}}}"))
}

/// Every conversation the list has, in its order.
fn candidates<'a>(asked: &'a Asked<'_>) -> impl Iterator<Item = u64> + 'a {
    let (workspace, params) = (asked.workspace, asked.params);
    let by_created = workspace.settings().window_by == WindowBy::Created;
    let window = if by_created { (i64::MIN, i64::MAX) } else { (params.from_ms, params.to_ms) };
    let in_window = move |index: &u64| {
        !by_created || (params.from_ms..=params.to_ms).contains(&workspace.created_ms(*index))
    };
    workspace.listing(window.0, window.1).filter(in_window).filter(|index| is_shown(asked, *index))
}

fn is_shown(asked: &Asked<'_>, index: u64) -> bool {
    let (workspace, params) = (asked.workspace, asked.params);
    let by_traits = asked.endpoint == Endpoint::Conversations
        || asked.level != KeyLevel::Organization
        || params.hide_internal
        || params.hide_transcript
        || params.hide_failed
        || !params.owner_emails.is_empty();
    (!by_traits || is_shown_by_traits(asked, index))
        && (!needs_plan(params) || is_shown_by_plan(params, &workspace.plan(index)))
}

fn is_shown_by_traits(asked: &Asked<'_>, index: u64) -> bool {
    let (workspace, params) = (asked.workspace, asked.params);
    let traits = workspace.traits(index);
    let owner = workspace.roster.users[traits.owner].email.to_lowercase();
    let empty = workspace.is_empty_call(index);
    let dropped = (asked.endpoint == Endpoint::Conversations && empty)
        || (params.hide_internal && traits.internal_only)
        || (params.hide_transcript && (empty || traits.readiness != Readiness::Ready))
        || (params.hide_failed && traits.readiness == Readiness::Failed)
        || (!params.owner_emails.is_empty() && !params.owner_emails.contains(&owner));
    !dropped && may_see(asked.level, traits.owner)
}

/// Whether a key of this level sees what that user owns.
pub(crate) fn may_see(level: KeyLevel, owner: usize) -> bool {
    level == KeyLevel::Organization || level == KeyLevel::User(owner)
}

fn needs_plan(params: &Params) -> bool {
    params.title.is_some() || !params.participant_emails.is_empty()
}

fn is_shown_by_plan(params: &Params, plan: &Plan) -> bool {
    let title = plan.title.as_deref().unwrap_or_default().to_lowercase();
    let emails = plan.people.iter().filter_map(|person| Some(person.email.as_ref()?.to_lowercase()));
    params.title.as_ref().is_none_or(|wanted| title.contains(wanted))
        && (params.participant_emails.is_empty()
            || emails.into_iter().any(|email| params.participant_emails.contains(&email)))
}

fn links(endpoint: Endpoint, page: usize, size: usize, total: usize) -> Value {
    let path = if endpoint == Endpoint::List { "/v2/conversations/list" } else { "/v2/conversations" };
    let this = format!("{path}?page={page}");
    if page.saturating_mul(size) >= total {
        return json!({ "self": this });
    }
    json!({ "self": this, "related": format!("{path}?page={}", page + 1) })
}

fn meta(asked: &Asked<'_>, total: usize) -> Option<Value> {
    let Params { page, size, .. } = *asked.params;
    let full = json!({
        "pageCount": total.div_ceil(size), "totalRecords": total, "pageNumber": page, "pageSize": size,
    });
    let wanted = asked.workspace.settings().list_meta;
    match (asked.endpoint, wanted) {
        (Endpoint::List, ListMeta::TotalOnly) => Some(json!({ "totalRecords": total })),
        (Endpoint::List, ListMeta::Absent) => None,
        _ => Some(full),
    }
}
