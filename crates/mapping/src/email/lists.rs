//! Domains that say nothing about a company. The lists are curated: consumer mail and large providers of internet
//! access, and hosts on which companies only have a page.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::domain::{has_registry_suffix, normal_host, registrable, with_parents};

const FREE_MAIL_TEXT: &str = include_str!("../../free_mail_domains.txt");
const SHARED_HOSTS_TEXT: &str = include_str!("../../shared_hosts.txt");

static FREE_MAIL: LazyLock<HashSet<&str>> = LazyLock::new(|| FREE_MAIL_TEXT.lines().collect());
static SHARED_HOSTS: LazyLock<HashSet<&str>> = LazyLock::new(|| SHARED_HOSTS_TEXT.lines().collect());

/// Providers with a domain in almost every country.
const FREE_MAIL_FAMILIES: &[&str] = &["gmx", "hotmail", "live", "outlook", "yahoo"];

/// Whether anybody can get an address there: such a domain never finds an account and never makes somebody internal.
pub fn is_free_mail(domain: &str) -> bool {
    normal_host(domain).is_some_and(|host| listed(&host, &FREE_MAIL) || in_free_mail_family(&host))
}

/// Whether many companies have only a page there: such a host never stands for one of them.
pub fn is_shared_host(domain: &str) -> bool {
    normal_host(domain).is_some_and(|host| listed(&host, &SHARED_HOSTS))
}

fn listed(host: &str, list: &HashSet<&str>) -> bool {
    with_parents(host).any(|domain| list.contains(domain))
}

/// `yahoo.co.uk`, `gmx.at`; not `live.events`: the newer suffixes sell such names to anybody.
fn in_free_mail_family(host: &str) -> bool {
    let Some((name, suffix)) = registrable(host).and_then(|domain| domain.split_once('.')) else {
        return false;
    };
    let country = suffix.rsplit('.').next().is_some_and(|last| last.len() == 2);
    FREE_MAIL_FAMILIES.contains(&name)
        && (country || matches!(suffix, "com" | "net"))
        && has_registry_suffix(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_in_normal_form() {
        for text in [FREE_MAIL_TEXT, SHARED_HOSTS_TEXT] {
            let lines: Vec<_> = text.lines().collect();
            assert!(lines.len() > 100);
            for pair in lines.windows(2) {
                assert!(pair[0] < pair[1], "{pair:?} are out of order");
            }
            for line in lines {
                assert_eq!(normal_host(line).as_deref(), Some(line));
            }
        }
    }

    #[test]
    fn free_mail_is_known_by_host_by_parent_and_by_family() {
        for free in [
            "gmail.com",
            "GMAIL.COM.",
            "hey.com",
            "tutanota.com",
            "privaterelay.appleid.com",
            "mail.yahoo.com",
            "yahoo.co.jp",
            "yahoo.com.br",
            "hotmail.co.uk",
            "outlook.es",
            "live.nl",
            "gmx.at",
            "web.de",
            "duck.com",
        ] {
            assert!(is_free_mail(free), "{free} is free mail");
        }
        for company in [
            "google.com",
            "appleid.com",
            "microsoft.com",
            "notgmail.com",
            "yahoo-inc.com",
            "live.events",
            "yahoo.github.io",
            "acme.com",
            "",
            "gmail",
        ] {
            assert!(!is_free_mail(company), "{company} is not free mail");
        }
    }

    #[test]
    fn a_shared_host_covers_what_is_below_it_and_nothing_above() {
        for shared in ["linkedin.com", "www.linkedin.com", "de-de.facebook.com", "sites.google.com"] {
            assert!(is_shared_host(shared), "{shared} is shared");
        }
        for company in ["google.com", "acme.com", "notlinkedin.com"] {
            assert!(!is_shared_host(company), "{company} is not shared");
        }
    }
}
