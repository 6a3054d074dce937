//! Reading typed values by key: what is not there, or was refused, gives the default of the model.

use super::schema::{Data, Value};
use super::tree::Span;

/// Looks a key up in a group.
pub(super) fn get<'a>(value: Option<&'a Value>, key: &str) -> Option<&'a Value> {
    match &value?.data {
        Data::Section(entries) => entries.iter().find(|(name, _, _)| *name == key).map(|(_, _, value)| value),
        _ => None,
    }
}

/// The place of a key in a group.
pub(super) fn key_span(value: Option<&Value>, key: &str) -> Option<Span> {
    match &value?.data {
        Data::Section(entries) => entries.iter().find(|(name, _, _)| *name == key).map(|(_, span, _)| *span),
        _ => None,
    }
}

/// The text under a key.
pub(super) fn text<'a>(value: Option<&'a Value>, key: &str) -> Option<&'a str> {
    match &get(value, key)?.data {
        Data::Text(text) => Some(text),
        _ => None,
    }
}

/// The switch under a key.
pub(super) fn switch(value: Option<&Value>, key: &str) -> Option<bool> {
    match &get(value, key)?.data {
        Data::Bool(switch) => Some(*switch),
        _ => None,
    }
}

/// The number under a key, if it fits its type. The table's ranges are within those of the model's types.
pub(super) fn number<T: TryFrom<i64>>(value: Option<&Value>, key: &str) -> Option<T> {
    match &get(value, key)?.data {
        Data::Integer(number) => T::try_from(*number).ok(),
        _ => None,
    }
}

/// The items of the list under a key.
pub(super) fn list<'a>(value: Option<&'a Value>, key: &str) -> &'a [Value] {
    match get(value, key).map(|value| &value.data) {
        Some(Data::List(items)) => items,
        _ => &[],
    }
}
