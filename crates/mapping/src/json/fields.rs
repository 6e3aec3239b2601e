//! Objects whose fields may be missing, repeated, or of any type.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What a text means where an object is expected.
pub(crate) trait OfText<'de>: Default {
    /// Reads the text; nothing by default.
    fn of_text(_text: Cow<'de, str>) -> Self {
        Self::default()
    }
}

/// An object that takes its fields one by one, so that a repeated one replaces the former instead of failing.
pub(crate) trait Fields<'de>: OfText<'de> {
    /// There is an object, if one without fields.
    fn begin(&mut self) {}
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Declares an object of which every field may be absent: `field "vendorsName": Type`.
macro_rules! tolerant {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<'a> {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident $key:literal : $type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Default)]
        $vis struct $name<'a> { $($(#[$field_meta])* $field_vis $field: $type),+ }

        impl<'de: 'a, 'a> $crate::json::Fields<'de> for $name<'a> {
            fn take<A: serde::de::MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
                match name {
                    $($key => self.$field = map.next_value()?,)+
                    _ => { map.next_value::<serde::de::IgnoredAny>()?; }
                }
                Ok(())
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::json::Tolerant::default())
            }
        }
    };
}
pub(crate) use tolerant;

/// Reads an object, or what a text means in its place; anything else is an object without fields.
pub(crate) struct Tolerant<T>(PhantomData<T>);

impl<T> Default for Tolerant<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Fields<'de>> Visitor<'de> for Tolerant<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut read = T::default();
        read.begin();
        while let Some(Key(name)) = map.next_key()? {
            read.take(&name, &mut map)?;
        }
        Ok(read)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<T, E> {
        Ok(T::of_text(Cow::Borrowed(text)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(Cow::Owned(text.to_owned())))
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

/// An object that is read where it stands, if it is one. Reading it out of its raw text would cost a pass over that text, and some are
/// most of their document.
#[derive(Debug, Default)]
pub(crate) struct Inside<T>(pub(crate) Option<T>);

impl<T: Default> OfText<'_> for Inside<T> {}

impl<'de, T: Fields<'de>> Fields<'de> for Inside<T> {
    fn begin(&mut self) {
        self.0 = Some(T::default());
    }
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.get_or_insert_default().take(name, map)
    }
}

impl<'de, T: Fields<'de>> Deserialize<'de> for Inside<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tolerant::default())
    }
}

/// A name in an object.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

/// Every field of an object as it came, repeated ones too.
#[derive(Default)]
pub(crate) struct Entries<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl OfText<'_> for Entries<'_> {}

impl<'de: 'a, 'a> Fields<'de> for Entries<'a> {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.push((Cow::Owned(name.to_owned()), map.next_value()?));
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tolerant::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Number, Text};

    tolerant!(
        struct Said<'a> {
            text "text": Text<'a>,
            at "at": Number,
        }
    );

    impl<'de: 'a, 'a> OfText<'de> for Said<'a> {
        fn of_text(text: Cow<'de, str>) -> Self {
            Self { text: Text(Some(text)), ..Self::default() }
        }
    }

    fn said(json: &str) -> (Option<String>, Option<f64>) {
        let said: Said<'_> = serde_json::from_str(json).expect("tolerant");
        (said.text.get().map(str::to_owned), said.at.0)
    }

    #[test]
    fn a_repeated_field_replaces_the_former() {
        assert_eq!(said(r#"{"text":"a","at":1,"text":"b"}"#), (Some("b".to_owned()), Some(1.0)));
    }

    #[test]
    fn a_wrong_type_is_only_its_own_loss() {
        assert_eq!(said(r#"{"text":"a","at":{"b":[1e400]}}"#), (Some("a".to_owned()), None));
        assert_eq!(said(r#"{"text":1e400,"at":1e400}"#), (Some("1e400".to_owned()), None));
        assert_eq!(said(r#""alone""#), (Some("alone".to_owned()), None));
        for empty in ["null", "7", "-7", "0.5", "true", "[1,{}]", "{}"] {
            assert_eq!(said(empty), (None, None), "{empty}");
        }
    }
}
