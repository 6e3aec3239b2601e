use super::*;

fn key(text: &str) -> EmailKey {
    EmailKey::parse(text).unwrap()
}

fn own() -> OwnPeople {
    OwnPeople {
        domains: ["acme.com", "acme.co.uk", "gmail.com"].map(str::to_owned).into(),
        user_emails: ["freelancer@gmail.com", "old@merged.io"].map(str::to_owned).into(),
    }
}

#[test]
fn the_side_follows_own_domains_and_users() {
    for (email, expected) in [
        ("ana@acme.com", Side::Internal),
        ("ana@EU.Acme.com", Side::Internal),
        ("ana@acme.co.uk", Side::Internal),
        ("freelancer@gmail.com", Side::Internal),
        ("freelancer+calls@gmail.com", Side::Internal),
        ("old@merged.io", Side::Internal),
        ("other@merged.io", Side::External),
        ("ana@gmail.com", Side::External),
        ("ana@notacme.com", Side::External),
        ("ana@acme.com.evil.io", Side::External),
    ] {
        assert_eq!(side(Some(&key(email)), &own()), expected, "{email}");
    }
}

#[test]
fn without_an_address_the_side_is_unknown() {
    assert_eq!(side(None, &own()), Side::Unknown);
}

#[test]
fn machines_are_told_from_people() {
    for (name, email) in [
        (None, Some("c_188abc@resource.calendar.google.com")),
        (None, Some("acme.com_42@resource.calendar.google.com")),
        (None, Some("abc@group.calendar.google.com")),
        (None, Some("unknownorganizer@calendar.google.com")),
        (None, Some("calendar-notification@google.com")),
        (Some("Fred"), Some("fred@fireflies.ai")),
        (Some("Fireflies.ai Notetaker"), Some("ff-99@fireflies.ai")),
        (Some("Fireflies.ai Notetaker Ana"), None),
        (Some("Ana's OtterPilot"), Some("pilot@otter.ai")),
        (Some("Gong Assistant"), Some("x1@gong.io")),
        (None, Some("notetaker@acme.com")),
        (None, Some("notetaker2@fathom.video")),
        (None, Some("no-reply@acme.com")),
        (None, Some("9871234567@zoom.us")),
        (None, Some("9871234567.123@zoomcrc.com")),
        (None, Some("room-4@acme.com")),
        (None, Some("meeting.room.berlin@acme.com")),
        (Some("Conference Room 2"), None),
    ] {
        let email = email.map(key);
        assert!(is_bot_or_room(name, email.as_ref()), "{name:?} {email:?} is a machine");
    }
}

#[test]
fn people_are_not_taken_for_machines() {
    for (name, email) in [
        (Some("Ana Diaz"), Some("ana.diaz@gong.io")),
        (Some("Bob Botham"), Some("bob@fireflies.ai")),
        (Some("Fred Jones"), Some("fred@acme.com")),
        (Some("Ana's Notetaker"), Some("ana@acme.com")),
        (Some("Jo, Executive Assistant"), Some("jo@acme.com")),
        (Some("Ana Roomer"), Some("roomer@acme.com")),
        (Some("Eve"), Some("eve@google.com")),
        (Some("Eve"), Some("eve@notcalendar.google.com")),
        (Some("Bob Room"), Some("bob@acme.com")),
        (Some("+1***555"), None),
        (None, None),
    ] {
        let email = email.map(key);
        assert!(!is_bot_or_room(name, email.as_ref()), "{name:?} {email:?} is a person");
    }
}
