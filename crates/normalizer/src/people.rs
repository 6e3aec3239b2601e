//! Sides, contacts and the account of one conversation.

use mapping::account::{RULE_VERSION, resolve};
use mapping::attendee::{is_bot_or_room, side};
use mapping::email::{EmailKey, is_free_mail, is_shared_host, registrable_domain};
use model::{Attendee, LinkedRecord, Side};
use store::conversation::Link;
use store::conversation_write::Participant;

use crate::lookup::Known;

/// The addresses that may vote for an account: bots and rooms do not.
pub(crate) fn voters(attendees: &[Attendee]) -> Vec<EmailKey> {
    let people = attendees.iter().map(|one| (one, key(one)));
    let people = people.filter(|(one, key)| !is_bot_or_room(one.name.as_deref(), key.as_ref()));
    people.filter_map(|(_, key)| key).collect()
}

fn key(attendee: &Attendee) -> Option<EmailKey> {
    EmailKey::parse(attendee.email.as_deref()?)
}

/// A conversation's people and account, resolved.
pub(crate) struct Resolved<'a> {
    pub(crate) participants: Vec<Participant<'a>>,
    /// Only the tenant's own people took part.
    pub(crate) internal: bool,
    pub(crate) link: Link,
}

/// Resolves one conversation against what is known.
pub(crate) fn resolved<'a>(
    attendees: &'a [Attendee],
    voters: &[EmailKey],
    linked: &[LinkedRecord],
    known: &Known,
) -> Resolved<'a> {
    let participants: Vec<_> = attendees.iter().map(|one| participant(one, known)).collect();
    let has = |side: Side| participants.iter().any(|one| one.votes && one.side == side);
    let internal = has(Side::Internal) && !has(Side::External) && !has(Side::Unknown);
    let found = resolve(voters, linked, &known.own, &known.directory);
    let link = Link {
        account: found.account_id,
        rule: found.rule.as_str().to_owned(),
        rule_version: RULE_VERSION,
        evidence: found.evidence,
    };
    Resolved { participants, internal, link }
}

fn participant<'a>(attendee: &'a Attendee, known: &Known) -> Participant<'a> {
    let key = key(attendee);
    let side = side(key.as_ref(), &known.own);
    let untagged = key.as_ref().and_then(EmailKey::without_plus_tag);
    let contact = [key.as_ref(), untagged.as_ref()]
        .into_iter()
        .flatten()
        .find_map(|key| known.directory.contacts.get(key.as_str()))
        .filter(|_| side == Side::External);
    Participant {
        attendee,
        votes: !is_bot_or_room(attendee.name.as_deref(), key.as_ref()),
        side,
        domain: key.as_ref().and_then(account_domain),
        // a change of a contact finds its conversations whatever tag the address carried
        email_key: untagged.or(key).map(|key| key.as_str().to_owned()),
        contact_external_id: contact.map(|contact| contact.external_id.clone()),
        user_external_id: None,
    }
}

/// The registrable domain of an address, unless it is one that finds no account.
fn account_domain(key: &EmailKey) -> Option<String> {
    let domain = registrable_domain(key.domain())?;
    (!is_free_mail(&domain) && !is_shared_host(&domain)).then_some(domain)
}
