//! The portal's own people.

use serde_json::Value;

use super::RecordPage;
use crate::VendorError;

/// A page of owners.
#[derive(Debug, Default)]
pub struct OwnersPage {
    /// The owners.
    pub owners: Vec<Owner>,
    /// Where the next page begins; none on the last.
    pub after: Option<String>,
}

/// Somebody, or a queue, that owns records; HubSpot promises only the id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The id that records name.
    pub id: Option<String>,
    /// Address; a queue has none.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
}

impl OwnersPage {
    pub(super) fn read(body: &str) -> Result<Self, VendorError> {
        let page = RecordPage::read(body)?;
        let owners = page.rows.iter().filter_map(|row| serde_json::from_str(row.get()).ok());
        Ok(Self { owners: owners.map(|row: Value| owner(&row)).collect(), after: page.after })
    }
}

fn owner(row: &Value) -> Owner {
    let text = |field: &str| row[field].as_str().map(str::trim).filter(|text| !text.is_empty());
    let names: Vec<&str> = [text("firstName"), text("lastName")].into_iter().flatten().collect();
    let id = match &row["id"] {
        Value::Number(number) => Some(number.to_string()),
        _ => text("id").map(str::to_owned),
    };
    Owner { id, email: text("email").map(str::to_owned), name: (!names.is_empty()).then(|| names.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read_with_whatever_they_lack() {
        let body = r#"{"results":[
            {"id":"88842095","email":" rep@ourco.com","type":"PERSON","firstName":"R","lastName":"Ep","userId":1},
            {"id":7,"type":"QUEUE","firstName":"","email":null},
            "nobody"],"paging":{"next":{"after":"x"}}}"#;
        let page = OwnersPage::read(body).expect("owners");
        let some = |text: &str| Some(text.to_owned());
        let rep = Owner { id: some("88842095"), email: some("rep@ourco.com"), name: some("R Ep") };
        let queue = Owner { id: some("7"), ..Owner::default() };
        assert_eq!((page.owners, page.after.as_deref()), (vec![rep, queue, Owner::default()], Some("x")));
    }
}
