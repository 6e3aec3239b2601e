//! A field as it came, with the type it should have.

use std::borrow::Cow;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Flag, Id, Number, is_nothing, text, value};
use crate::time::{is_unset, timestamp};

/// What a field can hold.
pub(crate) trait Holds<'a>: Sized {
    /// What is read out of it.
    type Read;
    fn read(raw: &'a RawValue) -> Option<Self::Read>;
    /// Whether it holds another type than expected, wholly or in part.
    fn is_odd(raw: &'a RawValue) -> bool {
        Self::read(raw).is_none()
    }
}

/// A field that may be absent, null or blank, which is all the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a, T>(Option<&'a RawValue>, PhantomData<T>);

/// Any JSON, kept as it is; usually beginning with `OPEN`.
pub(crate) struct Json<const OPEN: char>;

/// An object of which something is read.
pub(crate) struct Object<T>(PhantomData<T>);

/// A list whose elements are read one by one.
pub(crate) struct List<T>(PhantomData<T>);

impl<T> Default for Field<'_, T> {
    fn default() -> Self {
        Self(None, PhantomData)
    }
}

impl<'de: 'a, 'a, T> Deserialize<'de> for Field<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let absent = raw.get() == "null" || raw.get().trim_matches('"').trim().is_empty();
        Ok(Self((!absent).then_some(raw), PhantomData))
    }
}

impl<'a, T: Holds<'a>> Field<'a, T> {
    /// The value, if it is of its type.
    pub(crate) fn get(&self) -> Option<T::Read> {
        T::read(self.0?)
    }

    pub(crate) fn is_odd(&self) -> bool {
        self.0.is_some_and(T::is_odd)
    }
}

impl<'a> Holds<'a> for Cow<'a, str> {
    type Read = Cow<'a, str>;
    fn read(raw: &'a RawValue) -> Option<Self::Read> {
        text(raw)
    }
}

impl<'a> Holds<'a> for Id<'a> {
    type Read = String;
    fn read(raw: &'a RawValue) -> Option<Self::Read> {
        Id::of(raw).get().map(str::to_owned)
    }
}

impl<'a> Holds<'a> for f64 {
    type Read = f64;
    fn read(raw: &'a RawValue) -> Option<Self::Read> {
        Number::of(raw).0
    }
}

impl<'a> Holds<'a> for Flag {
    type Read = bool;
    fn read(raw: &'a RawValue) -> Option<Self::Read> {
        Flag::of(raw).0
    }
}

impl<'a> Holds<'a> for Timestamp {
    type Read = Timestamp;
    fn read(raw: &'a RawValue) -> Option<Self::Read> {
        timestamp(&text(raw)?)
    }
    fn is_odd(raw: &'a RawValue) -> bool {
        Self::read(raw).is_none() && !text(raw).is_some_and(|text| is_unset(&text))
    }
}

impl<'a, T: Deserialize<'a>> Holds<'a> for Object<T> {
    type Read = T;
    fn read(raw: &'a RawValue) -> Option<T> {
        raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok())?
    }
}

impl<'a, const OPEN: char> Holds<'a> for Json<OPEN> {
    type Read = Value;
    /// Of whatever type, if it says anything.
    fn read(raw: &'a RawValue) -> Option<Value> {
        Some(value(raw)).filter(|value| !is_nothing(value))
    }
    fn is_odd(raw: &'a RawValue) -> bool {
        !raw.get().starts_with(OPEN)
    }
}

impl<'a, T: Deserialize<'a>> Holds<'a> for List<T> {
    type Read = Vec<T>;
    fn read(raw: &'a RawValue) -> Option<Vec<T>> {
        let elements: Vec<&'a RawValue> = serde_json::from_str(raw.get()).ok()?;
        Some(elements.into_iter().filter_map(|element| serde_json::from_str(element.get()).ok()).collect())
    }
    fn is_odd(raw: &'a RawValue) -> bool {
        let elements: Result<Vec<&'a RawValue>, _> = serde_json::from_str(raw.get());
        !elements.is_ok_and(|elements| elements.iter().all(|one| one.get().starts_with(['{', 'n'])))
    }
}
