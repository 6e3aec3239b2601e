//! What one conversation is, before any document is written: documents and the truth both come from here.

use jiff::Timestamp;
use model::{Side, SkipReason};

use super::crm::{Crm, CrmKind, Votes, seniority};
use super::gong::GongView;
use super::names::TOPICS;
use super::people::{Party, Person, gather};
use super::roster::Roster;
use super::spec::{DocumentSize, SHORTEST_S, Shares};
use crate::dice::Dice;

const TRAITS: u64 = 0xB1;
const PEOPLE: u64 = 0xB2;
const STYLE: u64 = 0xB3;

/// What a conversation is by nature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ordinary,
    Private,
    Archived,
    Empty,
}

/// How its transcript fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    Late,
    Failed,
}

/// What can be asked of a conversation without making it: filters look at these.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    pub(crate) owner: usize,
    pub(crate) kind: Kind,
    pub(crate) internal_only: bool,
    pub(crate) readiness: Readiness,
    pub(crate) free_mail: bool,
    pub(crate) linked: bool,
    /// How long after the end the row was made; nothing for what was recorded live.
    pub(crate) uploaded_after_s: Option<i64>,
}

impl Traits {
    pub(crate) fn of(salt: u64, index: u64, users: usize, shares: &Shares) -> Self {
        let mut dice = Dice::of(&[salt, TRAITS, index]);
        Self {
            owner: dice.below(users),
            kind: kind(dice.fraction(), shares),
            internal_only: dice.chance(shares.internal_only),
            readiness: readiness(dice.fraction(), shares),
            free_mail: dice.chance(shares.free_mail),
            linked: dice.chance(shares.linked),
            uploaded_after_s: dice.one_in(6).then(|| i64::try_from(dice.below(3600)).unwrap_or(0)),
        }
    }
}

fn kind(throw: f64, shares: &Shares) -> Kind {
    if throw < shares.private {
        Kind::Private
    } else if throw < shares.private + shares.archived {
        Kind::Archived
    } else if throw < shares.private + shares.archived + shares.empty {
        Kind::Empty
    } else {
        Kind::Ordinary
    }
}

fn readiness(throw: f64, shares: &Shares) -> Readiness {
    if throw < shares.late_transcript {
        Readiness::Late
    } else if throw < shares.late_transcript + shares.failed_transcript {
        Readiness::Failed
    } else {
        Readiness::Ready
    }
}

/// A CRM record linked to a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) id: String,
    pub(crate) code: &'static str,
    /// The account it is, if the CRM knows it.
    pub(crate) account: Option<usize>,
    /// The account whose deal it is, if the CRM knows it.
    pub(crate) deal: Option<usize>,
}

/// How a transcript is written in the detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"final":[{speaker, sentence}]}`, perhaps one level down.
    Final { under: Option<&'static str>, speaker_objects: bool, in_words: bool },
    /// An array of speakers with words; the words are whole phrases unless the document is large.
    Detailed { spaced: bool },
    /// One text with a line per segment.
    Lines,
    /// One text without speakers.
    Plain,
    /// `{"text":"…"}`
    Text,
    /// `{"segments":[{speaker,start,text}]}`
    Segments,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    Plain,
    Fractional,
    Offset,
    Zoneless,
}

/// Where the meeting was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Zoom,
    GoogleMeet,
    Teams,
    Webex,
    Phone,
    Upload,
}

/// One conversation.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "the vendor's flags are independent of one another")]
pub(crate) struct Plan {
    pub(crate) index: u64,
    pub(crate) id: String,
    pub(crate) traits: Traits,
    pub(crate) title: Option<String>,
    pub(crate) private: bool,
    pub(crate) archived: bool,
    pub(crate) empty: bool,
    pub(crate) finished_at: Timestamp,
    pub(crate) created_at: Timestamp,
    /// Zero where nothing was recorded.
    pub(crate) duration_ms: i64,
    pub(crate) people: Vec<Person>,
    pub(crate) links: Vec<Link>,
    pub(crate) shape: Shape,
    pub(crate) stamp: Stamp,
    pub(crate) place: Place,
    /// The number of the room, where there is one.
    pub(crate) room: u64,
    pub(crate) wrapped: bool,
    pub(crate) size: DocumentSize,
    pub(crate) segments: usize,
    pub(crate) gong: GongView,
    /// Raised by every change of its insights.
    pub(crate) revision: u64,
    /// For small choices that are nobody's business but the document's.
    pub(crate) style: u64,
}

impl Plan {
    pub(crate) fn of(
        salt: u64,
        index: u64,
        roster: &Roster,
        traits: Traits,
        size: DocumentSize,
        finished: Timestamp,
    ) -> Self {
        let mut dice = Dice::of(&[salt, PEOPLE, index]);
        let party = Party {
            index,
            owner: traits.owner,
            internal_only: traits.internal_only,
            free_mail: traits.free_mail,
        };
        let people = gather(roster, party, &mut dice);
        let links = if traits.linked { links(roster, &people, &mut dice) } else { Vec::new() };
        let mut plan = Self::styled(salt, index, traits, size, finished);
        plan.people = people;
        plan.links = links;
        plan
    }

    fn styled(salt: u64, index: u64, traits: Traits, size: DocumentSize, finished: Timestamp) -> Self {
        let mut dice = Dice::of(&[salt, STYLE, index]);
        let place = place(traits, &mut dice);
        let half_seconds = i64::try_from(dice.between(SHORTEST_S * 2, 7200)).unwrap_or(600);
        let empty = traits.kind == Kind::Empty;
        let duration_ms = half_seconds * 500;
        let created_ms = match traits.uploaded_after_s {
            Some(after_s) => finished.as_millisecond() + after_s * 1000,
            None => finished.as_millisecond() - duration_ms + 2000,
        };
        Self {
            index,
            id: super::id::conversation_id(salt, index),
            traits,
            title: title(index, place, &mut dice),
            private: traits.kind == Kind::Private,
            archived: traits.kind == Kind::Archived,
            empty,
            finished_at: finished,
            created_at: Timestamp::from_millisecond(created_ms).unwrap_or(finished),
            duration_ms,
            people: Vec::new(),
            links: Vec::new(),
            shape: shape(size, &mut dice),
            stamp: *dice.pick(&[
                Stamp::Plain,
                Stamp::Plain,
                Stamp::Fractional,
                Stamp::Offset,
                Stamp::Zoneless,
            ]),
            place,
            room: 0,
            wrapped: dice.one_in(3),
            size,
            segments: if size == DocumentSize::Tiny { 4 } else { dice.between(180, 220) },
            gong: GongView::default(),
            revision: 0,
            style: dice.throw(),
        }
    }

    /// Recorded live by a bot, so the vendor knows when it really began.
    pub(crate) fn live(&self) -> bool {
        self.traits.uploaded_after_s.is_none() && !self.empty && !self.style.is_multiple_of(3)
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        let start = self.finished_at.as_millisecond() - self.duration_ms;
        Timestamp::from_millisecond(start).unwrap_or(self.finished_at)
    }

    /// The link people joined by: the same whoever recorded the meeting.
    pub(crate) fn join_url(&self) -> Option<String> {
        let number = self.room;
        match self.place {
            Place::Zoom => Some(format!("https://zoom.us/j/{number}")),
            Place::GoogleMeet => Some(format!("https://meet.google.com/abc-{number}-xyz")),
            Place::Teams => Some(format!("https://teams.microsoft.com/l/meetup-join/{number}")),
            Place::Webex => Some(format!("https://acme.webex.com/meet/{number}")),
            Place::Phone | Place::Upload => None,
        }
    }

    pub(crate) fn has_transcript(&self) -> bool {
        !self.empty && self.traits.readiness == Readiness::Ready
    }

    /// Segments a reader of the detail finds.
    pub(crate) fn segments_expected(&self) -> usize {
        match self.shape {
            _ if !self.has_transcript() => 0,
            Shape::Plain | Shape::Text => 1,
            _ => self.segments,
        }
    }

    pub(crate) fn skip_reason(&self) -> Option<SkipReason> {
        if self.private {
            Some(SkipReason::Private)
        } else if self.archived {
            Some(SkipReason::Archived)
        } else if self.empty {
            Some(SkipReason::Empty)
        } else {
            None
        }
    }

    /// The account, by the rules of `mapping::account`: a linked record, by itself or by a deal, else the guests' votes.
    pub(crate) fn account(&self, roster: &Roster, crm: &Crm, votes: &Votes) -> Option<usize> {
        let cast: Vec<usize> = self
            .people
            .iter()
            .filter(|person| person.side == Some(Side::External))
            .filter_map(|person| votes.of_address(person.address.as_deref()?))
            .collect();
        let count = |account: usize| cast.iter().filter(|vote| **vote == account).count();
        for named in [|link: &Link| link.account, |link: &Link| link.deal] {
            let linked: Vec<usize> =
                self.links.iter().filter_map(named).filter_map(|account| crm.leads_to(account)).collect();
            if !linked.is_empty() {
                // `max_by_key` takes the last of equals; reversed, that is the first.
                return linked.iter().rev().copied().max_by_key(|account| count(*account));
            }
        }
        let standing = |account: &usize| (usize::MAX - count(*account), seniority(roster, *account));
        cast.iter().copied().min_by(|left, right| standing(left).cmp(&standing(right)))
    }
}

fn votes(people: &[Person], account: usize) -> usize {
    people.iter().filter(|person| person.votes_for == Some(account)).count()
}

/// One or two accounts, a deal, or a record the CRM never heard of.
fn links(roster: &Roster, people: &[Person], dice: &mut Dice) -> Vec<Link> {
    let deal = deal_link(roster, dice.below(1_000_000));
    if dice.one_in(10) {
        return vec![deal];
    }
    if dice.one_in(10) {
        return vec![Link {
            id: "001ZZ9999999999ZZZ".to_owned(),
            code: "Account",
            account: None,
            deal: None,
        }];
    }
    let voted = people.iter().find_map(|person| person.votes_for);
    let first = if dice.one_in(3) { dice.below(roster.accounts.len()) } else { voted.unwrap_or(0) };
    let mut links = vec![deal, account_link(roster, first, dice)];
    let second = if dice.one_in(2) { voted.unwrap_or(1) } else { dice.below(roster.accounts.len()) };
    let tied = votes(people, first) > 0 && votes(people, first) == votes(people, second);
    if dice.one_in(6) && second != first && !tied {
        links.push(account_link(roster, second, dice));
    }
    links
}

/// A deal; of a workspace without a CRM one that nobody knows.
fn deal_link(roster: &Roster, number: usize) -> Link {
    let account = number % roster.accounts.len();
    match roster.crm {
        CrmKind::Files => {
            Link { id: format!("006AA{number:010}AAA"), code: "Opportunity", account: None, deal: None }
        }
        CrmKind::HubSpot => {
            let id = crate::hubspot::deal_id(account).to_string();
            Link { id, code: "deals", account: None, deal: Some(account) }
        }
        CrmKind::Salesforce => {
            let id = salesforce_form(crate::salesforce::opportunity_id(account), number);
            Link { id, code: "Opportunity", account: None, deal: Some(account) }
        }
    }
}

fn account_link(roster: &Roster, account: usize, dice: &mut Dice) -> Link {
    let code = *dice.pick(&["Account", "account", "companies", "company", "Accounts"]);
    let id = roster.accounts[account].external_id.clone();
    let id = if roster.crm == CrmKind::Salesforce { salesforce_form(id, account) } else { id };
    Link { id, code, account: Some(account), deal: None }
}

/// Recorders write Salesforce's ids in either form.
fn salesforce_form(id: String, number: usize) -> String {
    if number.is_multiple_of(3) { crate::salesforce::short(&id) } else { id }
}

fn place(traits: Traits, dice: &mut Dice) -> Place {
    if traits.uploaded_after_s.is_some() {
        return Place::Upload;
    }
    *dice.pick(&[Place::Zoom, Place::GoogleMeet, Place::Teams, Place::Webex, Place::Phone])
}

fn title(index: u64, place: Place, dice: &mut Dice) -> Option<String> {
    if dice.one_in(40) {
        return None;
    }
    let ending = if place == Place::Upload { " - Recording.mp4" } else { "" };
    Some(format!("{} #{index}{ending}", dice.pick(TOPICS)))
}

fn shape(size: DocumentSize, dice: &mut Dice) -> Shape {
    if size == DocumentSize::Large {
        return Shape::Detailed { spaced: dice.one_in(2) };
    }
    let under = *dice.pick(&[None, None, Some("v2"), Some("v1")]);
    match dice.below(100) {
        0..55 => Shape::Final { under, speaker_objects: dice.one_in(4), in_words: false },
        55..65 => Shape::Final { under, speaker_objects: dice.one_in(4), in_words: true },
        65..83 => Shape::Detailed { spaced: dice.one_in(2) },
        83..89 => Shape::Lines,
        89..91 => Shape::Plain,
        91..93 => Shape::Text,
        _ => Shape::Segments,
    }
}
