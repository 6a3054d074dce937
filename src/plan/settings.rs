//! Patroni's settings in the DCS: what differs between the inventory, what was applied last, and what lives there.
//!
//! Three-way: what the inventory names is set; what it named last time and names no more is taken out; keys that only the
//! DCS has are the operator's own and stay.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::verify::same;

/// One setting that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingChange {
    /// Its dotted path: `postgresql.parameters.work_mem`.
    pub path: String,
    /// What lives in the DCS; null if nothing does.
    pub from: Value,
    /// What it becomes; null if it goes.
    pub to: Value,
    /// Whether the inventory is the same as last time: the DCS was changed by hand.
    pub drift: bool,
}

/// All of them, with the request that makes them and the one that takes them back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsChange {
    /// The changes, by path.
    pub changes: Vec<SettingChange>,
    /// The body of `PATCH /config`.
    pub patch: Value,
    /// The body that takes it back.
    pub undo: Value,
}

impl SettingsChange {
    /// What must be done to `live` so that it holds `wanted`; `last` is what was applied last, if that is known.
    pub fn between(wanted: &Value, live: &Value, last: Option<&Value>) -> Self {
        let mut change =
            Self { changes: Vec::new(), patch: Value::Object(Map::new()), undo: Value::Object(Map::new()) };
        change.set(&mut Vec::new(), wanted, live, last);
        if let Some(last) = last {
            change.removed(&mut Vec::new(), last, wanted, live);
        }
        change.changes.sort_by(|a, b| a.path.cmp(&b.path));
        change
    }

    /// The parameters of PostgreSQL among them that get a value: name and value. Those that go have none.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Value)> {
        let set = self.changes.iter().filter(|change| !change.to.is_null());
        set.filter_map(|change| Some((change.path.strip_prefix("postgresql.parameters.")?, &change.to)))
    }

    fn set(&mut self, path: &mut Vec<String>, wanted: &Value, live: &Value, last: Option<&Value>) {
        let Value::Object(map) = wanted else { return };
        for (key, value) in map {
            let (there, before) = (live.get(key).unwrap_or(&Value::Null), last.and_then(|last| last.get(key)));
            path.push(key.clone());
            if value.is_object() {
                self.set(path, value, there, before);
            } else if !same(value, there) {
                self.add(path, there, value, before.is_some_and(|before| same(value, before)));
            }
            path.pop();
        }
    }

    /// What we set last time and do not want any more goes, unless somebody has changed it since: then it is theirs.
    fn removed(&mut self, path: &mut Vec<String>, last: &Value, wanted: &Value, live: &Value) {
        let (Value::Object(last), Value::Object(live)) = (last, live) else { return };
        for (key, before) in last {
            let Some(there) = live.get(key) else { continue };
            path.push(key.clone());
            match wanted.get(key) {
                Some(wanted) => self.removed(path, before, wanted, there),
                None if same(before, there) => self.add(path, there, &Value::Null, false),
                None => {}
            }
            path.pop();
        }
    }

    fn add(&mut self, path: &[String], from: &Value, to: &Value, drift: bool) {
        put(&mut self.patch, path, to);
        put(&mut self.undo, path, from);
        self.changes.push(SettingChange { path: path.join("."), from: from.clone(), to: to.clone(), drift });
    }
}

/// Sets a value at a path of nested objects.
fn put(into: &mut Value, path: &[String], value: &Value) {
    let mut at = into;
    for key in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(map) = at else { return };
        at = map.entry(key.clone()).or_insert(Value::Null);
    }
    *at = value.clone();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(wanted: &Value, live: &Value, last: Option<&Value>) -> Value {
        SettingsChange::between(wanted, live, last).patch
    }

    #[test]
    fn what_is_so_needs_nothing_and_operators_own_keys_stay() {
        let live = json!({"ttl": 30, "mine": 1, "postgresql": {"parameters": {"a": "1", "own": "x"}}});
        let wanted = json!({"ttl": "30", "postgresql": {"parameters": {"a": 1}}});
        assert_eq!(patch(&wanted, &live, None), json!({}));
        assert_eq!(patch(&wanted, &live, Some(&wanted)), json!({}));
    }

    #[test]
    fn a_change_is_set_and_can_be_taken_back() {
        let live = json!({"ttl": 30, "postgresql": {"parameters": {"a": "1"}}});
        let wanted = json!({"ttl": 30, "postgresql": {"parameters": {"a": "2", "b": 3}}});
        let change = SettingsChange::between(&wanted, &live, Some(&live));
        assert_eq!(change.patch, json!({"postgresql": {"parameters": {"a": "2", "b": 3}}}));
        assert_eq!(change.undo, json!({"postgresql": {"parameters": {"a": "1", "b": null}}}));
        assert!(change.changes.iter().all(|one| !one.drift));
    }

    #[test]
    fn a_key_that_left_the_inventory_goes_unless_it_is_the_operators_now() {
        let last = json!({"postgresql": {"parameters": {"a": 1, "b": 2}}});
        let wanted = json!({"postgresql": {"parameters": {"a": 1}}});
        assert_eq!(patch(&wanted, &last, Some(&last)), json!({"postgresql": {"parameters": {"b": null}}}));
        let live = json!({"postgresql": {"parameters": {"a": 1, "b": 9}}});
        assert_eq!(patch(&wanted, &live, Some(&last)), json!({}));
        assert_eq!(patch(&wanted, &last, None), json!({}));
    }

    #[test]
    fn a_change_made_by_hand_is_drift() {
        let wanted = json!({"ttl": 30});
        let change = SettingsChange::between(&wanted, &json!({"ttl": 40}), Some(&wanted));
        assert!(change.changes[0].drift);
    }

    #[test]
    fn lists_are_replaced_as_a_whole() {
        let change = SettingsChange::between(&json!({"l": [1, 2]}), &json!({"l": [1]}), None);
        assert_eq!(change.patch, json!({"l": [1, 2]}));
        assert_eq!(change.undo, json!({"l": [1]}));
    }
}
