//! The kinds of records, and what is asked of each.

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Object {
    /// Companies.
    Companies,
    /// Contacts.
    Contacts,
    /// Deals.
    Deals,
}

impl Object {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Companies, Self::Contacts, Self::Deals];

    /// Its name in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Companies => "companies",
            Self::Contacts => "contacts",
            Self::Deals => "deals",
        }
    }

    /// The scope that reading it takes.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Companies => "crm.objects.companies.read",
            Self::Contacts => "crm.objects.contacts.read",
            Self::Deals => "crm.objects.deals.read",
        }
    }

    /// The property that any write moves; contacts have a name of their own for it.
    pub const fn modified(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            Self::Companies | Self::Deals => "hs_lastmodifieddate",
        }
    }

    /// The properties that are asked for. One that a portal does not have is silently left out.
    pub(super) const fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Companies => &[
                "name",
                "domain",
                "hs_additional_domains",
                "website",
                "hubspot_owner_id",
                "hs_parent_company_id",
                "createdate",
                "hs_lastmodifieddate",
                "hs_merged_object_ids",
            ],
            Self::Contacts => &[
                "email",
                "hs_additional_emails",
                "firstname",
                "lastname",
                "jobtitle",
                "phone",
                "associatedcompanyid",
                "hubspot_owner_id",
                "createdate",
                "lastmodifieddate",
                "hs_merged_object_ids",
            ],
            Self::Deals => &[
                "dealname",
                "amount",
                "deal_currency_code",
                "dealstage",
                "pipeline",
                "closedate",
                "hs_is_closed",
                "hs_is_closed_won",
                "hubspot_owner_id",
                "createdate",
                "hs_lastmodifieddate",
                "hs_merged_object_ids",
            ],
        }
    }
}
