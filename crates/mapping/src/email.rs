//! E-mail addresses in the one form that is compared, and what the domain of an address says.

mod domain;
mod lists;
mod website;

pub use domain::{candidate_domains, is_own_host, normal_host, registrable_domain};
pub use lists::{is_free_mail, is_shared_host};
pub use website::domain_from_website;

use std::fmt;

/// An address is part of index keys, and no mail server takes a longer one (RFC 5321 allows 64 + 1 + 255).
const BYTES_MAX: usize = 320;

/// An e-mail address in normal form: lower case, domain as A-label. What vendors wrote is stored beside it, never
/// replaced by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailKey {
    text: String,
    at: usize,
}

impl EmailKey {
    /// Takes the address out of what people and programs write (`Ana <ana@x.com>`, `mailto:ana@x.com`); none if
    /// there is not exactly one.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = plain_text(text);
        let address = address_in(&plain);
        let (local, host) = address.rsplit_once('@')?;
        let host = normal_host(host)?;
        Self::of(&normal_local(local)?, &host)
    }

    fn of(local: &str, host: &str) -> Option<Self> {
        let text = format!("{local}@{host}");
        (text.len() <= BYTES_MAX).then_some(Self { text, at: local.len() })
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is before the last `@`.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// What is behind the last `@`.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The address without its tag (`ana+crm@x.com` → `ana@x.com`), if it has one.
    pub fn without_plus_tag(&self) -> Option<Self> {
        let (base, _tag) = self.local().split_once('+')?;
        if base.is_empty() || base.starts_with('"') {
            return None;
        }
        Self::of(base, self.domain())
    }
}

impl fmt::Display for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The address alone, as it is written; what holds none, or several, stays whole.
pub(crate) fn bare_address(text: String) -> String {
    match EmailKey::parse(&text) {
        Some(_) => address_in(&plain_text(&text)).to_owned(),
        None => text,
    }
}

/// Takes out what cannot be seen, makes fullwidth forms (`＠`, `．`) plain, and trims: pasted data has all of it.
fn plain_text(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).map(plain_char).collect();
    seen.trim().to_owned()
}

fn plain_char(c: char) -> char {
    match c {
        '\u{3002}' | '\u{ff61}' => '.',
        '\u{fe6b}' => '@',
        // Fullwidth forms stand in the order of ASCII, 0xFEE0 further on.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    }
}

fn is_invisible(c: char) -> bool {
    let format = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    format || c == '\u{a0}' || (c.is_control() && !c.is_whitespace())
}

/// Cuts away display name, comment, scheme and what stands around an address in a list.
fn address_in(text: &str) -> &str {
    let mut rest = match text.rsplit_once('<') {
        Some((_, inner)) if inner.contains('@') => inner.split('>').next().unwrap_or(inner),
        _ => text,
    };
    loop {
        let before = rest.len();
        rest = without_scheme(rest.trim());
        rest = without_comment(rest);
        rest = without_quotes(
            rest.trim_end_matches(|c: char| matches!(c, '.' | ';' | ',' | '>') || c.is_whitespace()),
        );
        if rest.len() == before {
            return rest;
        }
    }
}

fn without_scheme(text: &str) -> &str {
    for scheme in ["mailto:", "smtp:"] {
        if text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            let address = &text[scheme.len()..];
            return address.split('?').next().unwrap_or(address);
        }
    }
    text
}

fn without_comment(text: &str) -> &str {
    match text.strip_suffix(')').and_then(|inner| inner.rsplit_once('(')) {
        Some((address, _)) => address,
        None => text,
    }
}

fn without_quotes(text: &str) -> &str {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

/// Lower case: formally it matters, but every CRM compares without it. Quotes go where they are not needed.
fn normal_local(local: &str) -> Option<String> {
    let local = local.trim();
    match local.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) if inner.is_empty() || inner.contains(['"', '<', '>', '\\', '@']) => None,
        Some(inner) if inner.chars().all(is_plain_local) => Some(inner.to_lowercase()),
        Some(_) => Some(local.to_lowercase()),
        None => (!local.is_empty() && local.chars().all(is_plain_local)).then(|| local.to_lowercase()),
    }
}

fn is_plain_local(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || "()<>[]:;,@\\\"".contains(c))
}

#[cfg(test)]
mod tests;
