//! The accounts of contacts beside their own: asked for with every contact, and contacts of which nothing else has changed are asked
//! again for them.

use std::collections::{BTreeSet, HashMap};

use mapping::salesforce::related_contact;
use model::Version;
use serde_json::value::RawValue;
use store::run_checkpoint::Next;
use vendors::Failure;
use vendors::salesforce::{
    Object, READ_MAX, RELATED_MAX, Readable, RecordPage, Rows, Salesforce, are_relations_off,
};

use super::cursor::Cursor;
use super::part::Part;
use super::{Ending, Step, further, nothing, page_failed};
use crate::ask::Setback;
use crate::page::Gathered;
use crate::records::{self, Record};

impl Step<'_> {
    /// Whether contacts may have several accounts here. Most organizations do not let them, so it is asked when a run begins, and only
    /// then.
    pub(super) async fn knows_relations(&self, known: Option<bool>) -> Result<bool, Setback> {
        if self.object != Object::Contact {
            return Ok(false);
        }
        if let Some(known) = known {
            return Ok(known);
        }
        match self.try_ask(|client, token| async move { client.relations(&token).await }).await? {
            Ok((readable, _)) => Ok(readable.is_some()),
            // they decide nothing: contacts are worth having without them
            Err((error, _)) if error.failure == Failure::MissingScope => {
                tracing::warn!(job.id = %self.run.id, error = %error.message,
                    "relations may not be read, contacts are taken in with their own account only");
                Ok(false)
            }
            Err((error, _)) => Err(page_failed(&error)),
        }
    }

    /// Makes records of rows, contacts with their relations.
    pub(super) async fn records(&self, rows: Vec<Box<RawValue>>) -> Result<Vec<Record>, Setback> {
        let plain: Vec<Record> = rows.into_iter().map(|row| self.record(row, None)).collect();
        if !self.related {
            return Ok(plain);
        }
        let mut related = self.relations_of(&plain).await?;
        let with_relations = |record: Record| {
            let relations = record.listed.id.as_ref().and_then(|id| related.remove(id));
            // who has one account is the same whether several are allowed or not
            let Some(relations) = relations else { return record };
            let relations = serde_json::value::to_raw_value(&relations).expect("an array of JSON");
            self.record(record.row, Some(relations))
        };
        Ok(plain.into_iter().map(with_relations).collect())
    }

    /// The relations of contacts, by contact.
    async fn relations_of(
        &self,
        contacts: &[Record],
    ) -> Result<HashMap<String, Vec<Box<RawValue>>>, Setback> {
        let ids: Vec<String> = contacts.iter().filter_map(|contact| contact.listed.id.clone()).collect();
        let mut of: HashMap<String, Vec<Box<RawValue>>> = HashMap::new();
        for ids in ids.chunks(RELATED_MAX) {
            for relation in self.relations(Rows::OfContacts(ids)).await? {
                if let Some(contact) = related_contact(&relation) {
                    of.entry(contact).or_default().push(relation);
                }
            }
        }
        Ok(of)
    }

    /// All relations that a query shows; none where contacts have one account each by now.
    async fn relations(&self, rows: Rows<'_>) -> Result<Vec<Box<RawValue>>, Setback> {
        match self.query(&Readable::needed(Object::Relation), rows).await? {
            Ok((page, _)) => self.to_the_end(Object::Relation, page).await,
            Err((error, _)) if are_relations_off(&error) => Ok(Vec::new()),
            Err((error, _)) => Err(page_failed(&error)),
        }
    }

    /// Contacts of which a relation was added or changed in the window, or deleted if that moves its date.
    pub(super) async fn related(
        &self,
        next: Option<&str>,
        seen: u64,
        part: Option<Part>,
    ) -> Result<Gathered, Setback> {
        let answer = if let Some(next) = next {
            let ask =
                |client: Salesforce, token| async move { client.next(&token, Object::Relation, next).await };
            self.try_ask(ask).await?
        } else {
            let window = part.unwrap_or(self.time()).window();
            self.query(&Readable::needed(Object::Relation), Rows::Touched(window)).await?
        };
        match answer {
            Ok((page, asked_at)) => {
                let next = self.after_related(&page, seen, part)?;
                self.asked_again(&page.rows, asked_at, next).await
            }
            Err((error, _)) if are_relations_off(&error) => Ok(nothing(Next::End { total: None })),
            Err((error, _)) if error.failure == Failure::CursorExpired => {
                Ok(nothing(Ending::Expired.next(self.shared, self.run, 0)?))
            }
            Err((error, _)) => {
                let part = Some(self.shorter(&error, part)?);
                Ok(nothing(self.place(Cursor::Related { next: None, seen: 0, part })))
            }
        }
    }

    fn after_related(&self, page: &RecordPage, seen: u64, part: Option<Part>) -> Result<Next, Setback> {
        let cursor = match (further(page, seen)?, part.and_then(|part| self.after(part))) {
            (Some((next, seen)), _) => Cursor::Related { next: Some(next), seen, part },
            (None, Some(part)) => Cursor::Related { next: None, seen: 0, part: Some(part) },
            (None, None) => Cursor::Unrelated { after: None },
        };
        self.moved(cursor)
    }

    /// Contacts of which a relation was deleted in the window. The list of deletions names relations, so whose they were is known as long
    /// as they are in the recycle bin; of what has left it the walk finds out.
    pub(super) async fn unrelated(&self, after: Option<String>) -> Result<Gathered, Setback> {
        let end = || Next::End { total: None };
        let Some(window) = self.deletions() else { return Ok(nothing(end())) };
        let ask =
            |client: Salesforce, token| async move { client.deleted(&token, Object::Relation, window).await };
        let (deleted, asked_at) = match self.try_ask(ask).await? {
            Ok(answer) => answer,
            Err((error, _)) if are_relations_off(&error) => return Ok(nothing(end())),
            Err((error, _)) => return Err(page_failed(&error)),
        };
        let (ids, after) = self.some_of(deleted, after.as_ref());
        let next = match after {
            Some(after) => self.place(Cursor::Unrelated { after: Some(after) }),
            None => end(),
        };
        let relations = if ids.is_empty() { Vec::new() } else { self.relations(Rows::OfIds(&ids)).await? };
        self.asked_again(&relations, asked_at, next).await
    }

    /// The contacts of relations, each by its id. What this run has found out about them already is dropped by it.
    async fn asked_again(
        &self,
        relations: &[Box<RawValue>],
        asked_at: Version,
        next: Next,
    ) -> Result<Gathered, Setback> {
        let contacts: BTreeSet<String> = relations.iter().filter_map(|row| related_contact(row)).collect();
        if contacts.is_empty() {
            return Ok(nothing(next));
        }
        let readable = self.readable().await?;
        let contacts: Vec<String> = contacts.into_iter().collect();
        let mut records = Vec::with_capacity(contacts.len());
        for ids in contacts.chunks(READ_MAX) {
            let (rows, _) = self.of_ids(&readable, ids).await?;
            records.extend(self.records(rows).await?);
        }
        records::take(self.shared, self.run, records, asked_at, next).await
    }
}
