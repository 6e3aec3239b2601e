//! A call of the extensive list; every part of it may be absent, null, empty or of another type.

use serde_json::value::RawValue;

use super::meta::Meta;
use crate::json::{Field, Id, Json, List, Object, OfText, Text, tolerant};

tolerant!(
    /// A call.
    pub(super) struct Call<'a> {
        meta "metaData": Field<'a, Object<Meta<'a>>>,
        pub(super) parties "parties": Field<'a, List<Party<'a>>>,
        pub(super) context "context": Field<'a, List<Context<'a>>>,
        pub(super) content "content": Field<'a, Json<'{'>>,
        pub(super) interaction "interaction": Field<'a, Json<'{'>>,
        pub(super) collaboration "collaboration": Field<'a, Json<'{'>>,
    }
);

tolerant!(
    /// Somebody invited or present.
    pub(super) struct Party<'a> {
        pub(super) id "id": Id<'a>,
        pub(super) email "emailAddress": Text<'a>,
        pub(super) name "name": Text<'a>,
        pub(super) title "title": Text<'a>,
        pub(super) phone "phoneNumber": Text<'a>,
        pub(super) user_id "userId": Id<'a>,
        pub(super) speaker_id "speakerId": Id<'a>,
        pub(super) affiliation "affiliation": Text<'a>,
        pub(super) methods "methods": Field<'a, Json<'['>>,
        pub(super) context "context": Field<'a, List<Context<'a>>>,
    }
);

tolerant!(
    /// What a CRM knows about a call or a party.
    pub(super) struct Context<'a> {
        pub(super) system "system": Text<'a>,
        pub(super) objects "objects": Field<'a, List<CrmObject<'a>>>,
    }
);

tolerant!(
    /// A record of the CRM.
    pub(super) struct CrmObject<'a> {
        pub(super) kind "objectType": Text<'a>,
        pub(super) id "objectId": Id<'a>,
        pub(super) timing "timing": Text<'a>,
        pub(super) fields "fields": Field<'a, Json<'['>>,
    }
);

impl OfText<'_> for Call<'_> {}
impl OfText<'_> for Party<'_> {}
impl OfText<'_> for Context<'_> {}
impl OfText<'_> for CrmObject<'_> {}

impl<'a> Call<'a> {
    /// Reads a call; of what is none there is neither id nor anything else.
    pub(super) fn read(raw: &'a RawValue) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    /// What the call is. The basic list has it flat, the extensive one nests it.
    pub(super) fn meta(&self, raw: &'a RawValue) -> Option<Meta<'a>> {
        let flat = || serde_json::from_str(raw.get()).ok().filter(Meta::has_id);
        self.meta.get().or_else(flat)
    }

    /// Names of the parts that hold another type than expected.
    pub(super) fn odd_fields(&self) -> Vec<&'static str> {
        let parts = [
            ("metaData", self.meta.is_odd()),
            ("parties", self.parties.is_odd()),
            ("context", self.context.is_odd()),
            ("content", self.content.is_odd()),
            ("interaction", self.interaction.is_odd()),
            ("collaboration", self.collaboration.is_odd()),
        ];
        parts.into_iter().filter_map(|(name, is_odd)| is_odd.then_some(name)).collect()
    }
}
