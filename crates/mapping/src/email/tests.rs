use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn key(text: &str) -> EmailKey {
    EmailKey::parse(text).unwrap()
}

#[test]
fn an_address_is_found_in_what_people_write() {
    for (text, expected) in [
        ("ana@x.com", "ana@x.com"),
        ("Ana.Diaz@X.COM", "ana.diaz@x.com"),
        ("Ana <ana@x.com>", "ana@x.com"),
        ("\"old@y.com\" <ana@x.com>;", "ana@x.com"),
        ("<ana@x.com", "ana@x.com"),
        ("MailTo:ana@x.com?subject=hi", "ana@x.com"),
        ("SMTP:ana@x.com", "ana@x.com"),
        ("'ana@x.com'", "ana@x.com"),
        ("ana@x.com (Ana, Acme)", "ana@x.com"),
        ("\u{a0}ana@\u{200b}x.com\u{feff} ", "ana@x.com"),
        ("ana@x.com.", "ana@x.com"),
        ("ana@x.com; ", "ana@x.com"),
        ("ana＠x．com", "ana@x.com"),
        ("ana@bücher.de", "ana@xn--bcher-kva.de"),
        ("ana@XN--BCHER-KVA.de", "ana@xn--bcher-kva.de"),
        ("\"ana\"@x.com", "ana@x.com"),
        ("\"ana b\"@x.com", "\"ana b\"@x.com"),
        ("o'brien@x.com", "o'brien@x.com"),
        ("ana+crm@x.com", "ana+crm@x.com"),
        ("ana@corp.local", "ana@corp.local"),
    ] {
        assert_eq!(EmailKey::parse(text).as_ref().map(EmailKey::as_str), Some(expected), "{text:?}");
    }
}

#[test]
fn what_is_not_one_address_is_none() {
    let long = format!("{}@x.com", "a".repeat(400));
    for text in [
        "",
        "@",
        "ana",
        "ana@",
        "@x.com",
        "ana@localhost",
        "a@x.com, b@y.com",
        "ana@x..com",
        "ana@[10.0.0.1]",
        "a b@x.com",
        "ana@x.com\u{0}@",
        "ana@x!.com",
        "+1***234",
        &long,
    ] {
        assert_eq!(EmailKey::parse(text), None, "{text:?}");
    }
}

#[test]
fn a_plus_tag_can_be_left_out() {
    assert_eq!(key("ana+crm+2@x.com").without_plus_tag(), Some(key("ana@x.com")));
    assert_eq!(key("ana@x.com").without_plus_tag(), None);
    assert_eq!(key("+crm@x.com").without_plus_tag(), None);
}

#[test]
fn the_registrable_domain_follows_the_public_list_and_ours() {
    for (host, expected) in [
        ("mail.acme.co.uk", Some("acme.co.uk")),
        ("ACME.CO.UK", Some("acme.co.uk")),
        ("acme.com.", Some("acme.com")),
        ("foo.github.io", Some("foo.github.io")),
        ("a.bar.myshopify.com", Some("bar.myshopify.com")),
        ("a.b.公司.cn", Some("b.xn--55qx5d.cn")),
        ("公司.cn", None),
        ("contoso.onmicrosoft.com", Some("contoso.onmicrosoft.com")),
        ("contoso.mail.onmicrosoft.com", Some("contoso.mail.onmicrosoft.com")),
        ("acme.atlassian.net", Some("acme.atlassian.net")),
        ("mail.acme.zendesk.com", Some("acme.zendesk.com")),
        ("zendesk.com", Some("zendesk.com")),
        ("onmicrosoft.com", None),
        ("github.io", None),
        ("co.uk", None),
        ("corp.local", None),
        ("10.0.0.1", None),
    ] {
        assert_eq!(registrable_domain(host).as_deref(), expected, "{host}");
    }
}

#[test]
fn candidates_go_from_the_host_to_the_registrable_domain() {
    for (email, expected) in [
        ("a@acme.com", vec!["acme.com"]),
        ("a@x.eu.acme.co.uk", vec!["x.eu.acme.co.uk", "eu.acme.co.uk", "acme.co.uk"]),
        ("a@acme.zendesk.com", vec!["acme.zendesk.com"]),
        ("a@gmail.com", vec![]),
        ("a@sub.gmx.at", vec![]),
        ("a@linkedin.com", vec![]),
        ("c_1@resource.calendar.google.com", vec![]),
        ("a@corp.local", vec![]),
    ] {
        assert_eq!(candidate_domains(&key(email)), expected, "{email}");
    }
}

#[test]
fn an_own_domain_covers_its_subdomains_but_not_its_parents() {
    let own: BTreeSet<String> =
        ["acme.com", "labs.group.com", "gmail.com", "corp.local"].map(str::to_owned).into();
    for (host, expected) in [
        ("acme.com", true),
        ("eu.acme.com", true),
        ("x.labs.group.com", true),
        ("group.com", false),
        ("notacme.com", false),
        ("gmail.com", false),
        ("mail.corp.local", true),
    ] {
        assert_eq!(is_own_host(host, &own), expected, "{host}");
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_without_panic_and_a_key_is_its_own_normal_form(text in "\\PC{0,30}|[a-zA-Z+.'\" <>():;]{0,12}@[a-z.＠ü]{1,10}\\.(com|co\\.uk|local)[ >.;]{0,2}") {
        let _ = domain_from_website(&text);
        let _ = registrable_domain(&text);
        if let Some(key) = EmailKey::parse(&text) {
            prop_assert_eq!(EmailKey::parse(key.as_str()), Some(key.clone()));
            prop_assert!(candidate_domains(&key).iter().all(|domain| key.domain().ends_with(domain.as_str())));
        }
    }
}

#[test]
fn an_address_is_kept_without_what_is_written_around_it() {
    for (text, bare) in [
        ("Ana <Ana+crm@X.com>", "Ana+crm@X.com"),
        ("mailto:ana@x.com?subject=hi", "ana@x.com"),
        ("ana@x.com", "ana@x.com"),
        ("nobody", "nobody"),
        ("a@x.com, b@y.com", "a@x.com, b@y.com"),
    ] {
        assert_eq!(bare_address(text.to_owned()), bare, "{text}");
    }
}
