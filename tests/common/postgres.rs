//! PostgreSQL's own word on its parameters, as a lab host gave it, with other values put in.

use std::collections::BTreeMap;

use quorate::plan::{Details, Guc};
use serde_json::Value;

/// Every parameter of a real PostgreSQL 17.
pub(crate) fn gucs() -> &'static BTreeMap<String, Guc> {
    static GUCS: std::sync::LazyLock<BTreeMap<String, Guc>> = std::sync::LazyLock::new(|| {
        let text = include_str!("../fixtures/host/details-installed.txt");
        Details::parse(text.as_bytes()).unwrap().parameters
    });
    &GUCS
}

/// What `pg_settings` holds when the parameters are those of Patroni's settings.
pub(crate) fn running(settings: &Value) -> BTreeMap<String, Guc> {
    let mut rows = gucs().clone();
    for (name, value) in settings["postgresql"]["parameters"].as_object().unwrap() {
        if let Some(guc) = rows.get_mut(name) {
            guc.setting = setting(guc, value);
        }
    }
    rows
}

/// A value as `pg_settings` shows it: in the parameter's own unit.
pub(crate) fn setting(guc: &Guc, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    match (number.parse::<u64>(), scale(unit), scale(&guc.unit)) {
        (Ok(number), Some(from), Some(to)) if guc.kind == "integer" => (number * from / to).to_string(),
        _ => text,
    }
}

fn scale(unit: &str) -> Option<u64> {
    Some(match unit {
        "kB" => 1024,
        "8kB" => 8192,
        "MB" => 1 << 20,
        "16MB" => 16 << 20,
        "GB" => 1 << 30,
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        _ => return None,
    })
}
