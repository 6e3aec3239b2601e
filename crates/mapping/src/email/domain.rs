//! Hosts, and where on the public suffix list a company begins.

use std::collections::BTreeSet;

use psl::Type;

use super::{EmailKey, is_free_mail, is_shared_host, plain_text};

/// Suffixes that the public list lacks: the label below is a customer of theirs, and the suffix is nobody's domain.
const TENANT_SUFFIXES: &[&str] = &[
    "atlassian.net",
    "force.com",
    "lightning.force.com",
    "mail.onmicrosoft.com",
    "my.salesforce.com",
    "mykajabi.com",
    "mymail.onmicrosoft.com",
    "onmicrosoft.com",
    "service-now.com",
    "sharepoint.com",
    "visualstudio.com",
];

/// Likewise, but the companies that own these write from them too.
const VENDOR_SUFFIXES: &[&str] = &[
    "bamboohr.com",
    "cloud.com",
    "freshdesk.com",
    "gorgias.com",
    "gorgias.help",
    "helpscout.com",
    "helpscout.net",
    "hubspot-inbox.com",
    "intercom-mail.com",
    "intercom.help",
    "kayako.com",
    "myfreshworks.com",
    "odoo.com",
    "okta.com",
    "personio.com",
    "personio.de",
    "pipedrive.com",
    "salesforce-sites.com",
    "slack.com",
    "teamwork.com",
    "workable.com",
    "zendesk.com",
    "zohodesk.com",
];

/// The host in normal form: lower case, A-label, without trailing dot; none for what cannot be a mail domain.
pub fn normal_host(host: &str) -> Option<String> {
    let host = plain_text(host);
    let host = host.strip_suffix('.').unwrap_or(&host);
    let ascii = idna::domain_to_ascii(host).ok()?;
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (ascii.len() <= 253 && ascii.contains('.') && ascii.split('.').all(label_fits)).then_some(ascii)
}

/// The part of a host that somebody registered: `mail.acme.co.uk` → `acme.co.uk`. None for a public suffix itself
/// (`github.io`) and for suffixes nobody knows (`corp.local`).
pub fn registrable_domain(host: &str) -> Option<String> {
    let host = normal_host(host)?;
    registrable(&host).map(str::to_owned)
}

/// As [`registrable_domain`], of a host in normal form.
pub(super) fn registrable(host: &str) -> Option<&str> {
    if TENANT_SUFFIXES.contains(&host) {
        return None;
    }
    if let Some(tenant) = below_own_suffix(host) {
        return Some(tenant);
    }
    let domain = psl::domain(host.as_bytes())?;
    if !domain.suffix().is_known() {
        return None;
    }
    std::str::from_utf8(domain.trim().as_bytes()).ok()
}

/// The suffix is one that registries hand out names under, not one of the list's private section.
pub(super) fn has_registry_suffix(host: &str) -> bool {
    psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.typ() == Some(Type::Icann))
}

/// The label below one of our own suffixes, with that suffix.
fn below_own_suffix(host: &str) -> Option<&str> {
    let is_suffix = |parent: &str| TENANT_SUFFIXES.contains(&parent) || VENDOR_SUFFIXES.contains(&parent);
    // From the left: the longest suffix decides (`mail.onmicrosoft.com` before `onmicrosoft.com`).
    let mut rest = host;
    while let Some((_, parent)) = rest.split_once('.') {
        if is_suffix(parent) {
            return Some(rest);
        }
        rest = parent;
    }
    None
}

/// The host and its parents, most specific first.
pub(super) fn with_parents(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |rest| rest.split_once('.').map(|(_, parent)| parent))
}

/// Host and parents that may own an address, most specific first, down to the registrable domain. None for free mail,
/// for shared hosts and for suffixes nobody knows.
pub fn candidate_domains(email: &EmailKey) -> Vec<String> {
    let host = email.domain();
    if is_free_mail(host) || is_shared_host(host) {
        return Vec::new();
    }
    let Some(registrable) = registrable(host) else { return Vec::new() };
    with_parents(host).take_while(|domain| domain.len() >= registrable.len()).map(str::to_owned).collect()
}

/// Whether a host is one of the domains or below one. Free mail never is: half the world would be the tenant's.
pub fn is_own_host(host: &str, own_domains: &BTreeSet<String>) -> bool {
    if own_domains.is_empty() || is_free_mail(host) {
        return false;
    }
    let shortest = registrable(host).map_or(0, str::len);
    with_parents(host)
        .take_while(|domain| domain.len() >= shortest)
        .any(|domain| own_domains.contains(domain))
}
