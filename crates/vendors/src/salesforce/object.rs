//! The objects, and what is read of each.

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Object {
    /// Companies, and persons who buy for themselves.
    Account,
    /// People.
    Contact,
    /// People who may become contacts.
    Lead,
    /// What may be sold.
    Opportunity,
    /// An account that a contact has to do with: its own, and where an organization lets contacts have several, the others.
    Relation,
}

impl Object {
    /// Every kind that there are records of in every organization.
    pub const ALL: &[Self] = &[Self::Account, Self::Contact, Self::Opportunity, Self::Lead];

    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Contact => "Contact",
            Self::Lead => "Lead",
            Self::Opportunity => "Opportunity",
            Self::Relation => "AccountContactRelation",
        }
    }

    /// The fields without which its rows are of no use. A query for a field that may not be read fails as a whole.
    pub(super) const fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Account => &["Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "Name", "Website"],
            Self::Contact => &["Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "AccountId", "Email"],
            Self::Lead => &[
                "Id",
                "IsDeleted",
                "SystemModstamp",
                "MasterRecordId",
                "Email",
                "IsConverted",
                "ConvertedAccountId",
            ],
            Self::Opportunity => &["Id", "IsDeleted", "SystemModstamp", "Name", "AccountId"],
            Self::Relation => {
                &["Id", "IsDeleted", "SystemModstamp", "ContactId", "AccountId", "IsDirect", "IsActive"]
            }
        }
    }

    /// The fields that are read where they are: not every organization has all of them.
    pub(super) const fn wanted(self) -> &'static [&'static str] {
        match self {
            Self::Account => &["CreatedDate", "OwnerId", "ParentId", "IsPersonAccount"],
            Self::Contact | Self::Lead => {
                &["CreatedDate", "OwnerId", "Name", "FirstName", "LastName", "Title", "Phone", "MobilePhone"]
            }
            Self::Opportunity => &[
                "CreatedDate",
                "OwnerId",
                "StageName",
                "Amount",
                "CurrencyIsoCode",
                "CloseDate",
                "IsClosed",
                "IsWon",
            ],
            Self::Relation => &[],
        }
    }
}
