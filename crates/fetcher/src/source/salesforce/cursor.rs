//! Where a run's list goes on.

use serde::{Deserialize, Serialize};

use super::part::Part;

/// A place in a run's lists, as it is kept between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Contacts may have several accounts here, as far as that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) several_accounts: Option<bool>,
    #[serde(flatten)]
    pub(super) cursor: Cursor,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cursor {
    /// A query goes on there, after so many rows; of a part of what is asked for, or of all of it.
    Rows {
        next: String,
        seen: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
    },
    /// All of it took too long: what was touched in a part of the time comes next.
    Part(Part),
    /// What was deleted in the window, by id: it may have left the recycle bin, where no query shows it.
    Deleted { after: Option<String> },
    /// Contacts of which a relation was touched in the window, which moves no date of theirs; from its beginning, or where the query goes
    /// on.
    Related {
        next: Option<String>,
        seen: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
    },
    /// Contacts of which a relation was deleted in the window, by the relation's id.
    Unrelated { after: Option<String> },
    /// More records that a follow-up looks at.
    Looks {},
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_a_run_that_knew_no_relations_is_read_and_what_is_written_is_read_again() {
        let before = r#"{"rows":{"next":"/services/data/v66.0/query/0r8-2000","seen":2000}}"#;
        let place: Place = serde_json::from_str(before).expect("a place");
        assert_eq!(place.several_accounts, None);
        assert_eq!(serde_json::to_string(&place).expect("JSON"), before);
        let cursors = [
            Cursor::Rows { next: "there".to_owned(), seen: 7, part: None },
            Cursor::Deleted { after: Some("001".to_owned()) },
            Cursor::Related { next: None, seen: 0, part: None },
            Cursor::Unrelated { after: None },
            Cursor::Looks {},
        ];
        for cursor in cursors {
            let place = Place { several_accounts: Some(true), cursor };
            let text = serde_json::to_string(&place).expect("JSON");
            assert_eq!(serde_json::from_str::<Place>(&text).expect(&text), place);
        }
    }
}
