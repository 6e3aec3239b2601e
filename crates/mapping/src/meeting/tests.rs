use model::MeetingId;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

const ATTENTION: &str = "org";
const NAMES: [&str; 5] = ["rep@acme.com", "se@acme.com", "ana@a.com", "ben@a.com", "eve@e.com"];

fn id(number: u64) -> ConversationId {
    ConversationId::parse(&format!("00000000-0000-0000-0000-{number:012x}")).unwrap()
}

/// A recording of half an hour by somebody else for each number.
fn recording(number: u64, start_s: i64, people: &[&str]) -> Recording {
    let people: BTreeSet<String> = people.iter().map(|one| (*one).to_owned()).collect();
    let vendor = if number.is_multiple_of(2) { Vendor::Attention } else { Vendor::Gong };
    Recording {
        id: id(number),
        recorder: (vendor, VendorAccount::of(&format!("{ATTENTION}-{number}"))),
        started_at: at(start_s),
        ended_at: Some(at(start_s + 1800)),
        join_key: None,
        calendar_key: None,
        guests: people.iter().filter(|one| !one.ends_with("@acme.com")).cloned().collect(),
        people,
    }
}

fn at(start_s: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + start_s).unwrap()
}

fn in_room(number: u64, start_s: i64, link: &str) -> Recording {
    Recording { join_key: join_key(link), ..recording(number, start_s, &[]) }
}

fn rule(one: &Recording, other: &Recording) -> Option<MatchRule> {
    same_meeting(one, other).map(|by| by.rule)
}

const ROOM: &str = "https://us02web.zoom.us/j/97763643886?pwd=x";

#[test]
fn a_room_at_one_time_is_one_meeting_and_at_another_time_another() {
    let first = in_room(0, 0, ROOM);
    let at = |start_s| rule(&first, &in_room(1, start_s, "https://zoom.us/j/97763643886"));
    assert_eq!(at(90), Some(MatchRule::JoinLink));
    assert_eq!(at(-120), Some(MatchRule::JoinLink));
    assert_eq!(at(900), Some(MatchRule::JoinLink), "admitted late, and they lie over one another");
    assert_eq!(at(1800), None, "back to back");
    assert_eq!(at(86_400), None, "the next day");
    assert_eq!(at(7 * 86_400), None, "the next week");
}

#[test]
fn a_room_says_less_where_nobody_knows_how_long_it_was_recorded() {
    let open = |recording: Recording| Recording { ended_at: None, ..recording };
    let first = open(in_room(0, 0, ROOM));
    assert_eq!(rule(&first, &in_room(1, 600, ROOM)), Some(MatchRule::JoinLink));
    assert_eq!(rule(&first, &in_room(1, 601, ROOM)), None);
}

#[test]
fn an_event_counts_as_a_room_does() {
    let event = |number, start_s, event: &str| Recording {
        calendar_key: calendar_key(event),
        ..recording(number, start_s, &[])
    };
    let first = event(0, 0, "4k2u@google.com");
    assert_eq!(rule(&first, &event(1, 60, "4k2u_20270115T080000Z")), Some(MatchRule::Calendar));
    assert_eq!(rule(&first, &event(1, 86_400, "4k2u_20270116T080000Z")), None);
    assert_eq!(rule(&first, &event(1, 60, "other@google.com")), None);
}

#[test]
fn the_same_people_at_the_same_time_are_one_meeting_and_later_another() {
    let first = recording(0, 0, &NAMES[..4]);
    let later = |start_s| rule(&first, &recording(1, start_s, &NAMES[..3]));
    assert_eq!(later(120), Some(MatchRule::People));
    assert_eq!(later(PEOPLE_APART_MAX_S + 1), None);
    assert_eq!(later(1800), None, "back to back");
    let short = Recording { ended_at: Some(at(60)), ..recording(0, 0, &NAMES[..4]) };
    assert_eq!(rule(&short, &recording(1, 120, &NAMES[..4])), None, "one was over before the other began");
}

#[test]
fn colleagues_alone_do_not_make_two_calls_with_different_guests_one() {
    let with = |number, people: &[&str]| recording(number, 0, people);
    let [rep, se, ana, _, eve] = NAMES;
    assert_eq!(rule(&with(0, &[rep, se, ana]), &with(1, &[rep, se, eve])), None);
    assert_eq!(rule(&with(0, &[rep, se, ana]), &with(1, &[rep, se])), None);
    assert_eq!(rule(&with(0, &[rep, se]), &with(1, &[rep, se])), Some(MatchRule::People));
    assert_eq!(rule(&with(0, &[rep, ana]), &with(1, &[se, ana])), None, "one person is not enough");
    assert_eq!(rule(&with(0, &[]), &with(1, &[])), None);
}

#[test]
fn the_same_people_in_two_rooms_are_in_two_meetings() {
    let people = |number, link| Recording { join_key: join_key(link), ..recording(number, 0, &NAMES) };
    let here = people(0, ROOM);
    assert_eq!(rule(&here, &people(1, "https://zoom.us/j/11111111111")), None);
    let named = people(1, "https://acme.zoom.us/my/rep");
    assert_eq!(rule(&here, &named), Some(MatchRule::People), "a name may stand for the number");
}

#[test]
fn two_calls_of_one_recorder_are_copies_only_where_they_lie_over_one_another_in_one_room() {
    let first = in_room(0, 0, ROOM);
    let second = |start_s, link| Recording { recorder: first.recorder.clone(), ..in_room(1, start_s, link) };
    assert_eq!(rule(&first, &second(60, ROOM)), Some(MatchRule::JoinLink), "two bots in one room");
    assert_eq!(rule(&first, &second(1790, ROOM)), None, "the call after it");
    assert_eq!(rule(&first, &second(0, "")), None, "people are not enough");
    let open = Recording { ended_at: None, ..second(0, ROOM) };
    assert_eq!(rule(&first, &open), None, "nor is a room without lengths");
}

#[test]
fn each_call_of_a_recorder_finds_the_nearest_of_the_others() {
    let of = |recorder: u64, number, start_s| {
        let ended_at = Some(at(start_s + 100));
        Recording {
            recorder: in_room(recorder, 0, ROOM).recorder,
            ended_at,
            ..in_room(number, start_s, ROOM)
        }
    };
    let calls = [of(0, 10, 0), of(0, 11, 170), of(1, 12, 20), of(1, 13, 175)];
    let meeting = |number| {
        let placed = place(&calls, &BTreeSet::new());
        placed.iter().find(|one| one.id == id(number)).map(|one| one.meeting)
    };
    assert_eq!(meeting(12), Some(MeetingId::named_after(id(10))));
    assert_eq!(meeting(13), Some(MeetingId::named_after(id(11))));
}

fn meetings(placed: &[Placed]) -> Vec<u8> {
    placed.iter().map(|one| one.meeting.0.as_bytes()[15]).collect()
}

#[test]
fn a_chain_of_copies_is_one_meeting_unless_a_person_parts_two_of_it() {
    let chain = [(2, 0), (3, 200), (5, 400)].map(|(number, start_s)| recording(number, start_s, &NAMES));
    assert_eq!(same_meeting(&chain[0], &chain[2]), None, "too far apart by themselves");
    let placed = place(&chain, &BTreeSet::new());
    assert_eq!(meetings(&placed), [2, 2, 2]);
    let placed = place(&chain, &[Split::of(id(5), id(2))].into());
    assert_eq!(meetings(&placed), [2, 2, 5], "the third is between them, and with one of them only");
    let placed = place(&chain, &[Split::of(id(2), id(3))].into());
    assert_eq!(meetings(&placed), [2, 3, 3]);
}

#[test]
fn equal_rooms_have_equal_keys_however_they_are_written() {
    let zoom = "zoom:97763643886";
    let thread = "teams:19:meeting_mjq4@thread.v2";
    let table = [
        ("https://us02web.zoom.us/j/97763643886?pwd=abc#success", Some(zoom)),
        ("  <HTTPS://Zoom.US/j/977-6364-3886> ", Some(zoom)),
        ("zoom.us/wc/97763643886/join?prefer=1", Some(zoom)),
        ("https://zoom.us/wc/join/97763643886", Some(zoom)),
        ("zoommtg://zoom.us/join?action=join&confno=97763643886", Some(zoom)),
        ("https://acme.zoom.us/w/97763643886?tk=1", Some(zoom)),
        ("https://acme.zoom.us/my/Ana.Ruiz?pwd=1", Some("zoom:my:ana.ruiz")),
        ("https://www.google.com/url?q=https%3A%2F%2Fzoom.us%2Fj%2F97763643886&sa=D", Some(zoom)),
        (
            "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fzoom.us%2Fj%2F97763643886%3Fpwd%3Dx&data=1",
            Some(zoom),
        ),
        ("https://meet.google.com/Abc-Defg-hij?authuser=1", Some("meet:abcdefghij")),
        ("meet.google.com/abc-defg-hij/", Some("meet:abcdefghij")),
        (
            "https://teams.microsoft.com/l/meetup-join/19%3ameeting_MJQ4%40thread.v2/0?context=%7b%7d",
            Some(thread),
        ),
        ("https://teams.microsoft.com/l/meetup-join/19:meeting_MJQ4@thread.v2/0", Some(thread)),
        ("https://teams.microsoft.com/_#/l/meetup-join/19:meeting_MJQ4@thread.v2/0?x=1", Some(thread)),
        (
            "https://teams.microsoft.com/dl/launcher/launcher.html?url=%2F_%23%2Fl%2Fmeetup-join%2F19%253ameeting_MJQ4%2540thread.v2%2F0",
            Some(thread),
        ),
        ("https://teams.microsoft.com/meet/2345678901?p=xyz", Some("teams:2345678901")),
        ("https://teams.live.com/meet/9345678901", Some("teams:9345678901")),
        ("https://acme.webex.com/acme/j.php?MTID=mABC", Some("webex:mabc")),
        ("https://acme.webex.com/meet/Ana", Some("webex:acme.webex.com/meet/ana")),
        ("https://Whereby.com/acme?x=1", Some("link:whereby.com/acme?x=1")),
        ("", None),
        ("https://zoom.us/", None),
        ("https://zoom.us/signin", None),
        ("https://meet.google.com/landing", None),
        ("https://teams.microsoft.com/", None),
        ("n/a", None),
        ("Room 4", None),
        ("://", None),
        ("https://teams.microsoft.com/l/meetup-join/", None),
    ];
    for (link, key) in table {
        assert_eq!(join_key(link).as_deref(), key, "{link}");
    }
}

#[test]
fn an_event_of_a_series_has_the_key_of_the_series() {
    for (event, key) in [
        ("4k2u@google.com", Some("4k2u")),
        ("4k2u_20270115T080000Z@google.com", Some("4k2u")),
        ("4k2u_R20270115T080000", Some("4k2u")),
        ("AAMkAD_c=", Some("AAMkAD_c=")),
        (" ", None),
        ("@google.com", None),
    ] {
        assert_eq!(calendar_key(event).as_deref(), key, "{event}");
    }
    assert!(calendar_key(&"x".repeat(5000)).unwrap().len() < 100);
}

/// Recordings of few recorders, rooms and people within an hour or two, so that much of it matches.
fn world() -> impl Strategy<Value = (Vec<Recording>, BTreeSet<Split>)> {
    let recordings = prop::collection::vec(some_recording(), 0..12).prop_map(|mut all| {
        for (number, recording) in (1..).zip(&mut all) {
            recording.id = id(number);
        }
        all
    });
    let splits = prop::collection::btree_set((1_u64..12, 1_u64..12), 0..4);
    (
        recordings,
        splits.prop_map(|all| all.into_iter().map(|(one, other)| Split::of(id(one), id(other))).collect()),
    )
}

fn some_recording() -> impl Strategy<Value = Recording> {
    let links = vec!["https://zoom.us/j/1111111", "https://zoom.us/j/2222222", "https://zoom.us/my/a"];
    (
        (0_u64..4, 0_i64..40, prop::option::of(1_i64..40)),
        prop::option::of(select(links)),
        prop::option::of(select(vec!["a", "b"])),
        subsequence(NAMES.to_vec(), 0..=5),
    )
        .prop_map(|((recorder, start, length), link, event, people)| Recording {
            ended_at: length.map(|minutes| at((start + minutes) * 60)),
            join_key: link.and_then(join_key),
            calendar_key: event.and_then(calendar_key),
            ..recording(recorder, start * 60, &people)
        })
}

fn meeting_of(placed: &[Placed], recording: &Recording) -> MeetingId {
    placed.iter().find(|one| one.id == recording.id).expect("it was placed").meeting
}

proptest! {
    #[test]
    fn whether_two_match_does_not_depend_on_which_is_named_first((all, _) in world()) {
        for one in &all {
            for other in &all {
                prop_assert_eq!(same_meeting(one, other), same_meeting(other, one));
            }
        }
    }

    #[test]
    fn the_order_of_arrival_changes_nothing((all, splits) in world(), seed in any::<u64>()) {
        let mut shuffled = all.clone();
        shuffled.sort_by_key(|one| u64::from(one.id.0.as_fields().3[7]).wrapping_mul(seed | 1).rotate_left(17));
        prop_assert_eq!(place(&all, &splits), place(&shuffled, &splits));
    }

    #[test]
    fn what_does_not_hang_together_can_be_placed_apart((all, splits) in world()) {
        let placed = place(&all, &splits);
        // everything within reach of the first, by matches alone
        let mut near: Vec<Recording> = all.iter().take(1).cloned().collect();
        while let Some(more) = all.iter().find(|one| {
            !near.contains(one) && near.iter().any(|known| same_meeting(known, one).is_some())
        }) {
            near.push(more.clone());
        }
        let apart = place(&near, &splits);
        for one in &near {
            prop_assert_eq!(apart.iter().find(|other| other.id == one.id), placed.iter().find(|other| other.id == one.id));
        }
    }

    #[test]
    fn nobody_is_brought_together_whom_something_speaks_against((all, splits) in world()) {
        let placed = place(&all, &splits);
        prop_assert_eq!(placed.len(), all.len());
        for one in &all {
            for other in all.iter().filter(|other| other.id != one.id) {
                if meeting_of(&placed, one) == meeting_of(&placed, other) {
                    prop_assert!(!splits.contains(&Split::of(one.id, other.id)));
                    prop_assert!(one.recorder != other.recorder || same_meeting(one, other).is_some());
                }
            }
        }
    }

    #[test]
    fn a_meeting_is_named_after_its_copy_that_began_first((all, splits) in world()) {
        let placed = place(&all, &splits);
        for one in &all {
            let meeting = meeting_of(&placed, one);
            let copies = all.iter().filter(|other| meeting_of(&placed, other) == meeting);
            let first = copies.min_by_key(|other| (other.started_at, other.id)).expect("itself");
            prop_assert_eq!(meeting, MeetingId::named_after(first.id));
        }
    }

    #[test]
    fn any_link_and_any_event_has_a_short_key_or_none(text in any::<String>(), host in select(vec!["zoom.us", "meet.google.com", "teams.microsoft.com", "acme.webex.com", "www.google.com/url?q=", "x.y"])) {
        for link in [text.clone(), format!("https://{host}/{text}"), format!("{host}{text}"), format!("https://{host}/l/meetup-join/{text}")] {
            let keys = [join_key(&link), calendar_key(&link)];
            prop_assert!(keys.iter().flatten().all(|key| !key.is_empty() && key.len() <= 200 && !key.contains('\0')), "{:?}", keys);
        }
    }
}
