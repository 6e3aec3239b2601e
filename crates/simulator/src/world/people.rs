//! Who takes part in a conversation, and what each of them says about the account, known from how they were made.

use model::Side;

use super::names::{BOTS, FAMILY, FREE_MAIL, GIVEN};
use super::roster::Roster;
use crate::dice::Dice;

/// Which of the two lists of the document names somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    Participants,
    Attendees,
    Both,
}

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// As the document spells it.
    pub(crate) email: Option<String>,
    /// As it is, whatever the document makes of it.
    pub(crate) address: Option<String>,
    /// Nothing for machines: a bot or a room is nobody's.
    pub(crate) side: Option<Side>,
    /// The account this person speaks for.
    pub(crate) votes_for: Option<usize>,
    pub(crate) listed: Listed,
    pub(crate) organizer: bool,
}

impl Person {
    /// The address as the vendor writes it, without what it writes around it.
    pub(crate) fn bare_email(&self) -> Option<String> {
        let spelled = self.email.as_ref()?;
        let bare = self.address.as_ref().filter(|_| spelled.contains(['<', ':', ' ']));
        Some(bare.unwrap_or(spelled).clone())
    }

    fn new(name: String, email: String, side: Side) -> Self {
        Self {
            id: String::new(),
            name: Some(name),
            email: Some(email),
            address: None,
            side: Some(side),
            votes_for: None,
            listed: Listed::Both,
            organizer: false,
        }
    }

    fn voting(mut self, account: usize) -> Self {
        self.votes_for = Some(account);
        self
    }

    fn machine(name: &str, email: String) -> Self {
        Self { side: None, ..Self::new(name.to_owned(), email, Side::Unknown) }
    }

    pub(crate) fn speaks(&self) -> bool {
        self.side.is_some() && self.name.is_some()
    }
}

/// What decides who comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Party {
    pub(crate) index: u64,
    pub(crate) owner: usize,
    pub(crate) internal_only: bool,
    pub(crate) free_mail: bool,
}

/// Everybody in a conversation, each once.
pub(crate) fn gather(roster: &Roster, party: Party, dice: &mut Dice) -> Vec<Person> {
    let mut people = hosts(roster, party, dice);
    if !party.internal_only {
        people.extend(guests(roster, party, dice));
        people.extend(extras(party.index, dice));
    }
    remove_namesakes(&mut people);
    for (number, person) in people.iter_mut().enumerate() {
        person.id = format!("p{}", number + 1);
        finish(person, number, dice);
    }
    // Who only the second list names comes last, as somebody who joins the two lists sees it.
    people.sort_by_key(|person| person.listed == Listed::Attendees);
    people
}

fn hosts(roster: &Roster, party: Party, dice: &mut Dice) -> Vec<Person> {
    let count = dice.between(2, 3);
    let mut hosts: Vec<Person> = (0..count)
        .map(|nth| &roster.users[(party.owner + nth) % roster.users.len()])
        .map(|user| Person::new(user.name(), user.email.clone(), Side::Internal))
        .collect();
    hosts[0].organizer = true;
    if dice.one_in(20) {
        let email = format!("intern.{}@eu.{}", party.index, roster.own_domains[0]);
        hosts.push(Person::new("Intern (EU)".to_owned(), email, Side::Internal));
    }
    hosts
}

fn guests(roster: &Roster, party: Party, dice: &mut Dice) -> Vec<Person> {
    let main = dice.below(roster.accounts.len());
    let other = dice.below(roster.accounts.len());
    let from_nowhere = dice.one_in(12);
    let split = dice.one_in(16);
    let count = if split { 2 } else { dice.between(1, 4) };
    let mut guests: Vec<Person> = (0..count)
        .map(|nth| {
            if from_nowhere {
                return stranger(party.index, nth, dice);
            }
            if split && nth == 1 {
                return colleague(roster, other, party.index, nth, dice);
            }
            guest(roster, main, party.index, nth, dice)
        })
        .collect();
    if party.free_mail {
        guests.push(free_mail_guest(roster, main, party.index, dice));
    }
    guests
}

fn guest(roster: &Roster, main: usize, index: u64, nth: usize, dice: &mut Dice) -> Person {
    match dice.below(100) {
        0..55 => contact(roster, main, nth + 1),
        55..83 => colleague(roster, main, index, nth, dice),
        83..92 => contact(roster, dice.below(roster.accounts.len()), nth + 1),
        _ => stranger(index, nth, dice),
    }
}

fn contact(roster: &Roster, account: usize, nth: usize) -> Person {
    let contacts = &roster.accounts[account].contacts;
    let contact = &contacts[nth % contacts.len()];
    Person::new(contact.name.clone(), contact.email.clone(), Side::External).voting(account)
}

/// Somebody the CRM does not know, with a mailbox at the account or below it.
fn colleague(roster: &Roster, account: usize, index: u64, nth: usize, dice: &mut Dice) -> Person {
    let ((given, given_ascii), (family, _)) = (dice.pick(GIVEN), dice.pick(FAMILY));
    let below = if dice.one_in(5) { "eu." } else { "" };
    let email = format!("{given_ascii}.x{index}.{nth}@{below}{}", roster.accounts[account].mail_domain);
    Person::new(format!("{given} {family}"), email, Side::External).voting(account)
}

fn stranger(index: u64, nth: usize, dice: &mut Dice) -> Person {
    let ((given, given_ascii), (family, family_ascii)) = (dice.pick(GIVEN), dice.pick(FAMILY));
    let email = format!("{given_ascii}.{nth}@{family_ascii}-prospect-{}.org", index % 977);
    Person::new(format!("{given} {family}"), email, Side::External)
}

fn free_mail_guest(roster: &Roster, main: usize, index: u64, dice: &mut Dice) -> Person {
    if dice.one_in(2) {
        return contact(roster, main, 0);
    }
    let (given, given_ascii) = dice.pick(GIVEN);
    let email = format!("{given_ascii}.x{index}@{}", dice.pick(FREE_MAIL));
    Person::new((*given).to_owned(), email, Side::External)
}

/// Guests without an address, note takers and rooms.
fn extras(index: u64, dice: &mut Dice) -> Vec<Person> {
    let mut extras = Vec::new();
    if dice.one_in(9) {
        let name =
            if dice.one_in(3) { format!("+1***{:04}", index % 10_000) } else { format!("Guest {index}") };
        let nobody = Person::new(name, String::new(), Side::Unknown);
        extras.push(Person { email: None, listed: Listed::Participants, ..nobody });
    }
    if dice.one_in(7) {
        let (name, email) = dice.pick(BOTS);
        extras.push(Person::machine(name, (*email).to_owned()));
    }
    if dice.one_in(12) {
        extras.push(Person::machine("Room 4 (Köln)", format!("c_{index:012x}@resource.calendar.google.com")));
    }
    extras
}

/// The same person may have been drawn twice; two people of one name would make a speaker ambiguous.
fn remove_namesakes(people: &mut Vec<Person>) {
    let mut seen: Vec<(Option<String>, Option<String>)> = Vec::new();
    people.retain(|person| {
        let key = (person.name.clone(), person.email.clone());
        let known = seen.iter().any(|(name, email)| *name == key.0 || (email.is_some() && *email == key.1));
        if !known {
            seen.push(key);
        }
        !known
    });
}

/// Spellings, missing names, and which list names the person. The owner stays plain.
fn finish(person: &mut Person, number: usize, dice: &mut Dice) {
    if let Some(email) = person.email.take() {
        person.address = Some(email.clone());
        person.email = Some(spelled(email, person, dice));
    }
    if number == 0 || person.listed == Listed::Participants {
        return;
    }
    person.listed = match dice.below(12) {
        0 => Listed::Attendees,
        1..6 => Listed::Participants,
        _ => Listed::Both,
    };
    if person.side == Some(Side::External) && dice.one_in(25) {
        person.name = None;
    }
}

fn spelled(email: String, person: &Person, dice: &mut Dice) -> String {
    match dice.below(60) {
        0..6 => email.to_uppercase(),
        6..10 => email[..1].to_uppercase() + &email[1..],
        10..14 if person.side == Some(Side::External) => email.replacen('@', "+calls@", 1),
        14 => format!(" {email} "),
        15 => format!("{} <{email}>", person.name.as_deref().unwrap_or("?")),
        16 => format!("mailto:{email}"),
        _ => email,
    }
}
