//! Queries.

use model::Window;

use super::Object;

/// Ids of a query at most: with its fields it fits into an address.
pub const READ_MAX: usize = 200;

/// Contacts whose relations are asked for at once at most: these have few fields, and a page of contacts has many ids.
pub const RELATED_MAX: usize = 400;

/// Which rows of an object are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// All, deleted ones among them as long as they are in the recycle bin.
    All,
    /// Those that anything touched in a window, the system included.
    Touched(Window),
    /// Those with these ids, at most [`READ_MAX`].
    OfIds(&'a [String]),
    /// Those of these contacts, at most [`RELATED_MAX`], that are there now.
    OfContacts(&'a [String]),
}

impl Rows<'_> {
    /// Where they are asked for: what is deleted is shown too, unless only what is there counts.
    pub(super) const fn resource(&self) -> &'static str {
        match self {
            Self::OfContacts(_) => "query",
            Self::All | Self::Touched(_) | Self::OfIds(_) => "queryAll",
        }
    }

    pub(super) fn soql(&self, object: Object, fields: &[String]) -> String {
        let select = format!("SELECT {} FROM {}", fields.join(", "), object.as_str());
        // the direct relation is the contact's own account, which the contact itself tells
        let related = if object == Object::Relation { "IsDirect = false AND " } else { "" };
        match self {
            Self::All => select,
            // whole seconds are all that Salesforce keeps; an offset with a `+` would be taken for a space in an address
            Self::Touched(Window { from, to }) => format!(
                "{select} WHERE {related}SystemModstamp >= {from:.0} AND SystemModstamp <= {to:.0} \
                 ORDER BY SystemModstamp, Id"
            ),
            Self::OfIds(ids) => format!("{select} WHERE Id IN ({})", literals(ids)),
            Self::OfContacts(ids) => format!("{select} WHERE {related}ContactId IN ({})", literals(ids)),
        }
    }
}

fn literals(texts: &[String]) -> String {
    texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_written_as_salesforce_reads_them() {
        let at = |text: &str| text.parse().expect("a time");
        let fields = ["Id", "Name"].map(str::to_owned);
        assert_eq!(Rows::All.soql(Object::Account, &fields), "SELECT Id, Name FROM Account");
        let window = Window { from: at("2026-05-01T07:25:37.9Z"), to: at("2026-05-02T00:00:00Z") };
        assert_eq!(
            Rows::Touched(window).soql(Object::Lead, &fields),
            "SELECT Id, Name FROM Lead WHERE SystemModstamp >= 2026-05-01T07:25:37Z \
             AND SystemModstamp <= 2026-05-02T00:00:00Z ORDER BY SystemModstamp, Id"
        );
        let ids = ["001D000000IRFmaIAH".to_owned(), r"a'b\".to_owned()];
        assert_eq!(
            Rows::OfIds(&ids).soql(Object::Account, &fields),
            r"SELECT Id, Name FROM Account WHERE Id IN ('001D000000IRFmaIAH', 'a\'b\\')"
        );
        let fields = ["ContactId".to_owned()];
        assert_eq!(
            Rows::Touched(window).soql(Object::Relation, &fields),
            "SELECT ContactId FROM AccountContactRelation WHERE IsDirect = false \
             AND SystemModstamp >= 2026-05-01T07:25:37Z AND SystemModstamp <= 2026-05-02T00:00:00Z \
             ORDER BY SystemModstamp, Id"
        );
        assert_eq!(
            Rows::OfContacts(&ids).soql(Object::Relation, &fields),
            r"SELECT ContactId FROM AccountContactRelation WHERE IsDirect = false AND ContactId IN ('001D000000IRFmaIAH', 'a\'b\\')"
        );
    }
}
