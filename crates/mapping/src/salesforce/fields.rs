//! The fields of a row that we read; every one may be absent or null, whatever the schema says.

use crate::json::{Flag, Id, OfText, Text, tolerant};

tolerant!(
    /// The fields of accounts, contacts, leads and opportunities together: no name means two things.
    pub(super) struct Fields<'a> {
        pub(super) id "Id": Id<'a>,
        pub(super) deleted "IsDeleted": Flag,
        pub(super) master "MasterRecordId": Id<'a>,
        pub(super) created_at "CreatedDate": Text<'a>,
        pub(super) owner "OwnerId": Id<'a>,
        pub(super) name "Name": Text<'a>,
        pub(super) website "Website": Text<'a>,
        pub(super) parent "ParentId": Id<'a>,
        pub(super) is_person "IsPersonAccount": Flag,
        pub(super) account "AccountId": Id<'a>,
        pub(super) converted_account "ConvertedAccountId": Id<'a>,
        pub(super) email "Email": Text<'a>,
        pub(super) first_name "FirstName": Text<'a>,
        pub(super) last_name "LastName": Text<'a>,
        pub(super) title "Title": Text<'a>,
        pub(super) phone "Phone": Text<'a>,
        pub(super) mobile "MobilePhone": Text<'a>,
        pub(super) stage "StageName": Text<'a>,
        pub(super) amount "Amount": Text<'a>,
        pub(super) currency "CurrencyIsoCode": Text<'a>,
        pub(super) close_date "CloseDate": Text<'a>,
        pub(super) closed "IsClosed": Flag,
        pub(super) won "IsWon": Flag,
    }
);

impl OfText<'_> for Fields<'_> {}
