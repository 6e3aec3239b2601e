//! A record of HubSpot and the properties of it that we read. Values are texts or null; anything else is read all the same.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{Flag, Id, OfText, Text, tolerant};

tolerant!(
    /// A record.
    pub(super) struct Envelope<'a> {
        pub(super) id "id": Id<'a>,
        pub(super) archived "archived": Flag,
        pub(super) created_at "createdAt": Text<'a>,
        pub(super) properties "properties": Option<&'a RawValue>,
    }
);

tolerant!(
    /// The properties of companies, contacts and deals together: no name means two things.
    pub(super) struct Properties<'a> {
        pub(super) created_at "createdate": Text<'a>,
        pub(super) owner "hubspot_owner_id": Id<'a>,
        pub(super) merged "hs_merged_object_ids": Text<'a>,
        pub(super) name "name": Text<'a>,
        pub(super) domain "domain": Text<'a>,
        pub(super) more_domains "hs_additional_domains": Text<'a>,
        pub(super) website "website": Text<'a>,
        pub(super) parent "hs_parent_company_id": Id<'a>,
        pub(super) email "email": Text<'a>,
        pub(super) more_emails "hs_additional_emails": Text<'a>,
        pub(super) first_name "firstname": Text<'a>,
        pub(super) last_name "lastname": Text<'a>,
        pub(super) job_title "jobtitle": Text<'a>,
        pub(super) phone "phone": Text<'a>,
        pub(super) company "associatedcompanyid": Id<'a>,
        pub(super) deal_name "dealname": Text<'a>,
        pub(super) amount "amount": Text<'a>,
        pub(super) currency "deal_currency_code": Text<'a>,
        pub(super) stage "dealstage": Text<'a>,
        pub(super) close_date "closedate": Text<'a>,
        pub(super) closed "hs_is_closed": Flag,
        pub(super) won "hs_is_closed_won": Flag,
    }
);

tolerant!(
    /// One end of an association.
    pub(super) struct Associated<'a> {
        pub(super) to "toObjectId": Id<'a>,
        pub(super) types "associationTypes": Option<&'a RawValue>,
    }
);

tolerant!(
    /// What an association means.
    pub(super) struct AssociationType<'a> {
        pub(super) category "category": Text<'a>,
        pub(super) type_id "typeId": Id<'a>,
    }
);

impl OfText<'_> for Envelope<'_> {}
impl OfText<'_> for Properties<'_> {}
impl OfText<'_> for AssociationType<'_> {}

impl<'de: 'a, 'a> OfText<'de> for Associated<'a> {
    /// A bare id.
    fn of_text(text: Cow<'de, str>) -> Self {
        Self { to: Text(Some(text)), ..Self::default() }
    }
}

impl<'a> Associated<'a> {
    /// Reads a list of them; what is none has none.
    pub(super) fn all(related: Option<&'a RawValue>) -> Vec<Self> {
        let items: Vec<&'a RawValue> =
            related.and_then(|related| serde_json::from_str(related.get()).ok()).unwrap_or_default();
        items.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect()
    }

    /// Whether it is the one that HubSpot itself calls primary: 1 from a contact, 5 from a deal.
    pub(super) fn is_primary(&self) -> bool {
        let types: Vec<&RawValue> =
            self.types.and_then(|types| serde_json::from_str(types.get()).ok()).unwrap_or_default();
        types.into_iter().any(|one| {
            let one: AssociationType<'_> = serde_json::from_str(one.get()).unwrap_or_default();
            one.category.get() == Some("HUBSPOT_DEFINED") && matches!(one.type_id.get(), Some("1" | "5"))
        })
    }
}
