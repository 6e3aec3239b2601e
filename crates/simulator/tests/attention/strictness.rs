use model::SkipReason;
use simulator::{Change, Endpoint, EndpointForm, HeaderForm, KeyLevel, ListMeta, Settings};

use crate::client::{get, get_as};
use crate::with_acme;

#[tokio::test]
async fn parameters_are_taken_as_strictly_as_described() {
    let (simulator, world) = with_acme(30).await;
    let id = world.truth("acme").unwrap().next().unwrap().id;
    let detail = format!("/v2/conversations/{id}");
    let table = [
        ("/v2/conversations/list", 200),
        (
            "/v2/conversations/list?page=1&size=50&withCrmRecords=true&filter[include_internal_participants]=true",
            200,
        ),
        ("/v2/conversations/list?page=1&filter%5Binclude_internal_participants%5D=true", 200),
        ("/v2/conversations/list?page=99", 200),
        ("/v2/conversations/list?page[size]=2&page[number]=9", 200),
        ("/v2/conversations/list?size=500", 200),
        ("/v2/conversations/list?page=0", 400),
        ("/v2/conversations/list?page=two", 400),
        ("/v2/conversations/list?size=-1", 400),
        ("/v2/conversations/list?pageSize=10", 400),
        ("/v2/conversations/list?page=1&page=2", 400),
        ("/v2/conversations/list?withCrmRecords=1", 400),
        ("/v2/conversations/list?fromDateTime=2026-01-01", 200),
        ("/v2/conversations/list?fromDateTime=2026-01-01T00:00:00Z", 200),
        ("/v2/conversations/list?fromDateTime=2026-01-01T00:00:00%2B02:00", 200),
        ("/v2/conversations/list?fromDateTime=2026-01-01T00:00:00", 200),
        ("/v2/conversations/list?fromDateTime=yesterday", 400),
        ("/v2/conversations/list?fromDateTime=2026-01-02T00:00:00Z&toDateTime=2026-01-01T00:00:00Z", 400),
        ("/v2/conversations/list?filter[team.id]=a", 501),
        ("/v2/conversations?withCrmRecords=true", 400),
        ("/v2/conversations?size=20", 200),
        ("/v2/conversations/list?by=id", 400),
        (&detail, 200),
        (&format!("{detail}?by=id&detailedTranscript=true"), 200),
        (&format!("{detail}?by=name"), 400),
        (&format!("{detail}?page=1"), 400),
        ("/v2/conversations/conv-uuid-123", 404),
        ("/v2/conversations/by-external-id/upload-x", 404),
        ("/v2/users?filter[email]=a@b.c", 200),
        ("/v2/users?page=1", 400),
        ("/v2/organizations/users", 200),
        ("/v2/teapots", 404),
        ("/v1/conversations", 404),
    ];
    for (path, status) in table {
        let got = get(&simulator, path).await;
        assert_eq!(got.status, status, "{path}: {}", String::from_utf8_lossy(&got.body));
    }
}

#[tokio::test]
async fn the_optimised_list_clamps_pages_to_fifty_rows() {
    let (simulator, _) = with_acme(120).await;
    assert_eq!(get(&simulator, "/v2/conversations/list?size=500").await.ids().len(), 50);
    assert_eq!(get(&simulator, "/v2/conversations/list").await.ids().len(), 10);
}

#[tokio::test]
async fn only_a_known_key_in_the_accepted_form_is_let_in() {
    let (simulator, world) = with_acme(5).await;
    let list = "/v2/conversations/list";
    for (authorization, status) in
        [("Bearer acme-key", 200), ("acme-key", 200), ("Bearer other", 401), ("", 401)]
    {
        assert_eq!(get_as(&simulator, authorization, list).await.status, status, "{authorization:?}");
    }
    let header_forms = vec![
        EndpointForm { endpoint: Endpoint::List, form: HeaderForm::Bearer },
        EndpointForm { endpoint: Endpoint::Users, form: HeaderForm::Bare },
    ];
    world.set_settings("acme", Settings { header_forms, ..Settings::default() }).unwrap();
    assert_eq!(get_as(&simulator, "acme-key", list).await.status, 401);
    assert_eq!(get_as(&simulator, "Bearer acme-key", list).await.status, 200);
    assert_eq!(get_as(&simulator, "acme-key", "/v2/users").await.status, 200);
    assert_eq!(get_as(&simulator, "Bearer acme-key", "/v2/users").await.status, 401);
}

#[tokio::test]
async fn a_revoked_key_is_refused_until_it_is_restored() {
    let (simulator, world) = with_acme(5).await;
    world.change("acme", Change::RevokeKey { key: "acme-key".to_owned() }).unwrap();
    assert_eq!(get(&simulator, "/v2/users").await.status, 401);
    world.change("acme", Change::RestoreKey { key: "acme-key".to_owned() }).unwrap();
    assert_eq!(get(&simulator, "/v2/users").await.status, 200);
}

#[tokio::test]
async fn a_user_level_key_sees_its_users_conversations_only() {
    let (simulator, world) = with_acme(60).await;
    let key = "user-key".to_owned();
    world.change("acme", Change::AddKey { key, level: KeyLevel::User(1) }).unwrap();
    let all = get(&simulator, "/v2/conversations/list?size=50").await.ids();
    let own = get_as(&simulator, "user-key", "/v2/conversations/list?size=50").await.ids();
    assert!(!own.is_empty() && own.len() < all.len());
    let foreign = all.iter().find(|id| !own.contains(id)).unwrap();
    let detail = |id: &str| format!("/v2/conversations/{id}");
    assert_eq!(get_as(&simulator, "user-key", &detail(&own[0])).await.status, 200);
    assert_eq!(get_as(&simulator, "user-key", &detail(foreign)).await.status, 403);
    assert_eq!(get_as(&simulator, "user-key", "/v2/organizations/users").await.status, 403);
}

#[tokio::test]
async fn the_optimised_list_leaves_out_what_is_not_asked_for() {
    let (simulator, _) = with_acme(50).await;
    let bare = get(&simulator, "/v2/conversations/list?size=50").await.json();
    let asked = "withIntelligenceItems=true&withCrmRecords=true&filter[include_internal_participants]=true";
    let full = get(&simulator, &format!("/v2/conversations/list?size=50&{asked}")).await.json();
    let people = |body: &serde_json::Value| {
        let rows = body["data"].as_array().unwrap();
        rows.iter().map(|row| row["attributes"]["participants"].as_array().unwrap().len()).sum::<usize>()
    };
    assert!(bare["data"][0]["attributes"].get("extractedIntelligence").is_none());
    assert!(bare["data"][0]["attributes"].get("linkedCrmRecords").is_none());
    assert!(full["data"][0]["attributes"]["extractedIntelligence"].is_object());
    assert!(full["data"][0]["attributes"]["linkedCrmRecords"].is_array());
    assert!(people(&bare) < people(&full));
}

#[tokio::test]
async fn only_the_optimised_list_shows_empty_conversations() {
    let (simulator, world) = with_acme(300).await;
    let empty =
        world.truth("acme").unwrap().filter(|expected| expected.skip == Some(SkipReason::Empty)).count();
    let total = |body: serde_json::Value| body["meta"]["totalRecords"].as_u64().unwrap();
    let list = total(get(&simulator, "/v2/conversations/list").await.json());
    let fat = total(get(&simulator, "/v2/conversations").await.json());
    assert!(empty > 0);
    assert_eq!((list, fat), (300, 300 - empty as u64));
}

#[tokio::test]
async fn meta_of_the_optimised_list_can_be_switched() {
    let (simulator, world) = with_acme(25).await;
    for (list_meta, fields) in [(ListMeta::TotalOnly, 1), (ListMeta::Full, 4), (ListMeta::Absent, 0)] {
        world.set_settings("acme", Settings { list_meta, ..Settings::default() }).unwrap();
        let body = get(&simulator, "/v2/conversations/list").await.json();
        assert_eq!(body["meta"].as_object().map_or(0, serde_json::Map::len), fields, "{list_meta:?}");
    }
}

#[tokio::test]
async fn refusals_come_in_several_forms() {
    let (simulator, _) = with_acme(5).await;
    let mut bodies = std::collections::BTreeSet::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let got = get(&simulator, &format!("/v2/users?{name}=1")).await;
        let key = serde_json::from_slice::<serde_json::Value>(&got.body).ok();
        bodies.insert(key.and_then(|body| Some(body.as_object()?.keys().next()?.clone())));
    }
    assert!(bodies.len() >= 3, "{bodies:?}");
}

#[tokio::test]
async fn an_upload_is_found_by_its_external_id() {
    let (simulator, _) = with_acme(60).await;
    let list = "/v2/conversations/list?size=50&filter[include_import_metadata]=true";
    let rows = get(&simulator, list).await.json();
    let row =
        rows["data"].as_array().unwrap().iter().find(|row| row["attributes"]["importMetadata"].is_object());
    let row = row.expect("one in six is an upload");
    let external_id = row["attributes"]["importMetadata"]["applicationExternalID"].as_str().unwrap();
    let by = get(&simulator, &format!("/v2/conversations/by-external-id/{external_id}")).await.json();
    assert_eq!(by["conversation_id"], row["id"]);
    let detail = get(&simulator, &format!("/v2/conversations/{external_id}?by=external_id")).await;
    assert_eq!(detail.attributes()["uuid"], row["id"]);
}
