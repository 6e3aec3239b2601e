//! The records of a kind, by id: what a list or a search looks at is known of each, the record itself is made only to be shown.

use std::sync::MutexGuard;

use super::Object;
use super::record::{self, Record, company_id, contact_id, deal_id};
use crate::world::{Crm, Workspace};

/// What is known of a record before it is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Its place among all of its kind; ids grow with it.
    pub(super) place: usize,
    pub(super) id: u64,
    pub(super) modified_ms: i64,
    pub(super) archived_ms: Option<i64>,
}

/// All records of a kind, as they are while this is held.
pub(super) struct Table<'a> {
    workspace: &'a Workspace,
    crm: MutexGuard<'a, Crm>,
    object: Object,
}

impl<'a> Table<'a> {
    pub(super) fn of(workspace: &'a Workspace, object: Object) -> Self {
        Self { workspace, crm: workspace.crm(), object }
    }

    /// Every record behind an id that is in a list; merged ones are in none.
    pub(super) fn behind(&self, id: u64) -> impl Iterator<Item = Line> {
        (self.first_behind(id)..self.len()).filter_map(|place| self.line(place))
    }

    /// The record that answers to an id: a merged one's is that of the one that took its place.
    pub(super) fn answering(&self, id: u64) -> Option<Line> {
        let mut place = self.place(id)?;
        if self.object == Object::Companies {
            while let Some(winner) = self.crm.companies[place].merged_into {
                place = winner;
            }
        }
        self.line(place)
    }

    pub(super) fn record(&self, line: Line) -> Record {
        match self.object {
            Object::Companies => record::company(self.workspace, line, &self.crm.companies[line.place]),
            Object::Contacts => record::contact(self.workspace, line, &self.crm.people[line.place]),
            Object::Deals => record::deal(self.workspace, line),
        }
    }

    fn len(&self) -> usize {
        match self.object {
            Object::Companies | Object::Deals => self.crm.companies.len(),
            Object::Contacts => self.crm.people.len(),
        }
    }

    fn id(&self, place: usize) -> u64 {
        match self.object {
            Object::Companies => company_id(self.workspace, place),
            Object::Contacts => contact_id(self.crm.people[place].home),
            Object::Deals => deal_id(place),
        }
    }

    fn line(&self, place: usize) -> Option<Line> {
        let (modified_ms, archived_ms) = match self.object {
            Object::Companies => {
                let company = &self.crm.companies[place];
                if company.merged_into.is_some() {
                    return None;
                }
                (company.modified_ms, company.deleted_ms)
            }
            Object::Contacts => {
                let person = &self.crm.people[place];
                (person.modified_ms, person.deleted_ms)
            }
            Object::Deals => {
                let made_ms = self.workspace.roster.accounts[place].created_at.as_millisecond();
                (self.crm.companies[place].modified_ms.min(made_ms), None)
            }
        };
        Some(Line { place, id: self.id(place), modified_ms, archived_ms })
    }

    fn place(&self, id: u64) -> Option<usize> {
        let place = self.first_behind(id.checked_sub(1)?);
        (place < self.len() && self.id(place) == id).then_some(place)
    }

    /// Ids grow with the places, so what is behind one is found by halves.
    fn first_behind(&self, id: u64) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.id(middle) > id { high = middle } else { low = middle + 1 }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::world::{CrmChange, CrmKind, WorkspaceSpec};

    fn portal() -> Workspace {
        let spec =
            WorkspaceSpec { crm: CrmKind::HubSpot, contacts_per_account: 10, ..WorkspaceSpec::named("acme") };
        Workspace::new(spec, 1, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn every_record_is_found_by_its_id_and_behind_the_one_before_it() {
        let workspace = portal();
        for (object, count) in [(Object::Companies, 40), (Object::Contacts, 400), (Object::Deals, 40)] {
            let table = Table::of(&workspace, object);
            let all: Vec<Line> = table.behind(0).collect();
            assert_eq!(all.len(), count);
            assert!(all.is_sorted_by_key(|line| line.id));
            for pair in all.windows(2) {
                assert_eq!(table.behind(pair[0].id).next().map(|line| line.id), Some(pair[1].id));
            }
            for line in &all {
                assert_eq!(table.answering(line.id).map(|found| found.place), Some(line.place));
            }
            assert_eq!(table.behind(all[count - 1].id).count(), 0);
            assert!(table.answering(all[count - 1].id + 1).is_none() && table.answering(0).is_none());
        }
    }

    #[test]
    fn a_merged_company_is_in_no_list_and_answers_as_the_one_that_took_its_place() {
        let workspace = portal();
        for (loser, winner) in [(12, 13), (13, 14)] {
            let merge = CrmChange::MergeAccounts { loser, winner };
            assert!(workspace.crm().change(&merge, Timestamp::UNIX_EPOCH));
        }
        let table = Table::of(&workspace, Object::Companies);
        assert_eq!(table.behind(0).count(), 38);
        let answering = |place: usize| table.answering(company_id(&workspace, place)).map(|line| line.place);
        assert_eq!((answering(12), answering(13), answering(14)), (Some(14), Some(14), Some(14)));
        let after_the_first = table.behind(company_id(&workspace, 11)).next();
        assert_eq!(after_the_first.map(|line| line.place), Some(14));
    }
}
