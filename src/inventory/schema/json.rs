//! The table as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::{Field, INVENTORY, Kind, Word};

/// The schema of an inventory (draft 2020-12). What only `quorate` itself can judge (rules across keys) is not in it.
pub fn json_schema() -> Value {
    let mut schema = object(INVENTORY);
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".to_owned(), json!("quorate inventory"));
    }
    schema
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.key.to_owned(), property(field))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn property(field: &Field) -> Value {
    let mut schema = of(&field.kind);
    if let Value::Object(map) = &mut schema {
        let default = if field.default.is_empty() { String::new() } else { format!(" Default: {}.", field.default) };
        map.insert("description".to_owned(), json!(format!("{}{default}", field.doc)));
        if !field.example.is_empty() && !field.example.starts_with(['{', '[']) {
            map.insert("examples".to_owned(), json!([field.example]));
        }
    }
    schema
}

fn of(kind: &Kind) -> Value {
    match kind {
        Kind::Section(fields) => object(fields),
        Kind::Short(key, fields) => {
            let scalar = fields.iter().find(|field| field.key == *key).map_or(json!({}), |field| of(&field.kind));
            json!({ "oneOf": [scalar, object(fields)] })
        }
        Kind::List(item) => json!({ "type": "array", "items": of(item) }),
        Kind::Parameters => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[a-z_][a-z0-9_$]*(\\.[a-z_][a-z0-9_$]*)?$" },
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        }),
        Kind::Bool => json!({ "enum": [true, false, "on", "off", "yes", "no"] }),
        Kind::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Seconds(min, max) => quantity(*min, *max, "^[0-9]+ ?(s|min|h|d)$"),
        Kind::Bytes(min, max) => quantity(*min, *max, "^[0-9]+ ?([kKMGT]i?)?B$"),
        Kind::Choice(choices) => json!({ "enum": choices }),
        // YAML reads 3.5 as a number; the inventory reads the text that stands there.
        Kind::Text(Word::Version) => json!({
            "anyOf": [{ "type": "string", "pattern": Word::Version.pattern() }, { "type": "number", "minimum": 0 }]
        }),
        Kind::Text(word) => match word.pattern() {
            Some(pattern) => json!({ "type": "string", "pattern": pattern }),
            None => json!({ "type": "string" }),
        },
    }
}

fn quantity(min: i64, max: i64, pattern: &str) -> Value {
    json!({ "anyOf": [{ "type": "integer", "minimum": min, "maximum": max }, { "type": "string", "pattern": pattern }] })
}
