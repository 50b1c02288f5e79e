//! Checks values against the part of JSON Schema that docs/json.schema.json uses. A keyword that it does not know is
//! a failure: nothing in the schema goes unchecked. A property that the schema does not name is one too, though
//! readers have to pass over those.

use serde_json::{Map, Value};

/// Keywords that say nothing about a value.
const NOTES: [&str; 6] = [
    "$schema",
    "$id",
    "$defs",
    "$comment",
    "title",
    "description",
];

/// Why `value` is not what `schema` says; none if it is. `root` holds the definitions.
pub(crate) fn mismatch(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let fields = schema.as_object().expect("a schema is an object");
    let mut named = Vec::new();
    if let Some(why) = check(root, fields, value, &mut named) {
        return Some(why);
    }
    let given = value.as_object().into_iter().flat_map(Map::keys);
    let mut unknown = given.filter(|name| !named.contains(name));
    let is_described = !named.is_empty();
    let unknown = unknown.next().filter(|_| is_described)?;
    Some(format!("{unknown:?} is not described"))
}

/// Collects the properties that apply in `named`.
fn check<'a>(
    root: &'a Value,
    schema: &'a Map<String, Value>,
    value: &Value,
    named: &mut Vec<&'a String>,
) -> Option<String> {
    for (keyword, wanted) in schema {
        let why = match keyword.as_str() {
            "$ref" => {
                let name = wanted
                    .as_str()?
                    .strip_prefix("#/$defs/")
                    .expect("a definition");
                let definition = root["$defs"][name].as_object();
                let definition = definition.unwrap_or_else(|| panic!("{name} is not defined"));
                check(root, definition, value, named)
            }
            "allOf" => {
                let parts = wanted.as_array().expect("a list");
                let mut parts = parts.iter().map(|it| it.as_object().expect("a schema"));
                parts.find_map(|part| check(root, part, value, named))
            }
            "oneOf" => one_of(root, wanted.as_array().expect("a list"), value, named),
            "anyOf" => any_of(root, wanted.as_array().expect("a list"), value, named),
            "type" => (!has_type(wanted, value)).then(|| format!("{value} is no {wanted}")),
            "const" => (value != wanted).then(|| format!("{value} is not {wanted}")),
            "enum" => {
                let allowed = wanted.as_array().expect("a list").contains(value);
                (!allowed).then(|| format!("{value} is none of {wanted}"))
            }
            "required" => {
                let names = wanted.as_array().expect("a list").iter();
                let mut missing = names.filter(|it| value.get(it.as_str().unwrap()).is_none());
                missing.next().map(|name| format!("{name} is missing"))
            }
            "properties" => {
                let properties = wanted.as_object().expect("an object");
                named.extend(properties.keys());
                let mut given = properties.iter().filter_map(|(name, schema)| {
                    let why = mismatch(root, schema, value.get(name)?)?;
                    Some(format!("{name}: {why}"))
                });
                given.next()
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                items.find_map(|item| mismatch(root, wanted, item))
            }
            note if NOTES.contains(&note) => None,
            other => panic!("the schema uses {other:?}, which is not checked"),
        };
        if why.is_some() {
            return why;
        }
    }
    None
}

/// The properties of the choices that fit, and why the others do not.
fn fitting<'a>(
    root: &'a Value,
    choices: &'a [Value],
    value: &Value,
) -> (Vec<Vec<&'a String>>, Vec<String>) {
    let (mut fitting, mut reasons) = (Vec::new(), Vec::new());
    for choice in choices {
        let mut of_choice = Vec::new();
        let choice = choice.as_object().expect("a schema");
        match check(root, choice, value, &mut of_choice) {
            None => fitting.push(of_choice),
            Some(why) => reasons.push(why),
        }
    }
    (fitting, reasons)
}

fn one_of<'a>(
    root: &'a Value,
    choices: &'a [Value],
    value: &Value,
    named: &mut Vec<&'a String>,
) -> Option<String> {
    let (mut fitting, reasons) = fitting(root, choices, value);
    match fitting.len() {
        1 => {
            named.append(&mut fitting[0]);
            None
        }
        0 => Some(format!("none fits: {}", reasons.join("; "))),
        _ => Some("several fit".to_owned()),
    }
}

/// Those properties count that one of the choices has which fit: a reader of one passes over those of another.
fn any_of<'a>(
    root: &'a Value,
    choices: &'a [Value],
    value: &Value,
    named: &mut Vec<&'a String>,
) -> Option<String> {
    let (fitting, reasons) = fitting(root, choices, value);
    if fitting.is_empty() {
        return Some(format!("none fits: {}", reasons.join("; ")));
    }
    named.extend(fitting.into_iter().flatten());
    None
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    if let Some(choices) = wanted.as_array() {
        return choices.iter().any(|wanted| has_type(wanted, value));
    }
    match wanted.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other:?} is not checked"),
    }
}
