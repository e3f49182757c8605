//! One list of arguments from an operation's parameters: path, query, headers, cookies, then the body's.

use super::super::Place;
use super::document::Document;
use super::names::{Taken, identifier};
use super::schema::{Bundle, Direction};
use ecow::{EcoString, eco_format};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

/// Headers that OpenAPI leaves to the client.
const OWN_HEADERS: [&str; 3] = ["accept", "content-type", "authorization"];
/// Headers that take an idempotency key.
const KEY_HEADERS: [&str; 2] = ["idempotency-key", "x-idempotency-key"];

/// An argument before it has its name in the list.
pub(super) struct Arg {
    /// As the API spells it.
    pub(super) name: EcoString,
    pub(super) schema: Json,
    pub(super) required: bool,
    pub(super) place: Place,
}

pub(super) struct Args<'d, 'a> {
    pub(super) bundle: Bundle<'d, 'a>,
    /// The header that takes the idempotency key.
    pub(super) key_header: Option<EcoString>,
    taken: Taken,
    properties: Map<String, Json>,
    required: Vec<Json>,
    places: IndexMap<EcoString, Place>,
}

impl<'d, 'a> Args<'d, 'a> {
    /// The parameters of an operation and of its path; what `auth` fills is none.
    pub(super) fn read(
        document: &'d Document<'a>,
        nodes: usize,
        item: &'a Json,
        operation: &'a Json,
        path: &str,
        auth: Option<&str>,
    ) -> Result<Self, String> {
        let mut args = Args {
            bundle: Bundle::new(document, Direction::Request, nodes),
            key_header: None,
            taken: Taken::default(),
            properties: Map::new(),
            required: Vec::new(),
            places: IndexMap::new(),
        };
        let found = parameters(document, item, operation)?;
        for place in ["path", "query", "header", "cookie"] {
            for parameter in found.iter().filter(|parameter| text(parameter, "in") == place) {
                args.parameter(place, parameter, path, auth)?;
            }
        }
        args.unnamed(path);
        Ok(args)
    }

    fn parameter(&mut self, place: &str, json: &'a Json, path: &str, auth: Option<&str>) -> Result<(), String> {
        let name = text(json, "name");
        let lower = name.to_ascii_lowercase();
        let filled = auth.is_some_and(|auth| auth.eq_ignore_ascii_case(&format!("{place}:{name}")));
        let own = place == "header" && OWN_HEADERS.contains(&lower.as_str());
        let nowhere = place == "path" && !path.contains(&format!("{{{name}}}"));
        if name.is_empty() || filled || own || nowhere {
            return Ok(());
        }
        if place == "header" && KEY_HEADERS.contains(&lower.as_str()) {
            self.key_header = Some(name.into());
            return Ok(());
        }
        let (schema, style) = self.schema(json);
        let required = place == "path" || json.get("required").and_then(Json::as_bool).unwrap_or_default();
        let explode = json.get("explode").and_then(Json::as_bool);
        let place = Place { place: place.into(), name: Some(name.into()), style, explode };
        self.add(Arg { name: name.into(), schema, required, place });
        Ok(())
    }

    /// A parameter's schema with its own description, and its style; one with `content` is written as JSON.
    fn schema(&mut self, json: &'a Json) -> (Json, Option<EcoString>) {
        let content = json.get("content").and_then(Json::as_object).and_then(|content| content.values().next());
        let (schema, style) = match content {
            Some(media) => (media.get("schema"), Some("json".into())),
            None => (json.get("schema"), json.get("style").and_then(Json::as_str).map(EcoString::from)),
        };
        let mut schema = schema.map_or_else(|| json!({ "type": "string" }), |schema| self.bundle.convert(schema, 1));
        let described = json.get("description").and_then(Json::as_str).filter(|text| !text.trim().is_empty());
        if let (Some(description), Some(fields)) = (described, schema.as_object_mut()) {
            fields.insert(
                "description".into(),
                super::shortened(description.trim(), super::schema::DOC_LETTERS).as_str().into(),
            );
        }
        (schema, style)
    }

    /// Parts of the path that the document forgot to declare are texts.
    fn unnamed(&mut self, path: &str) {
        for part in path.split('{').skip(1).filter_map(|part| part.split_once('}')) {
            let known = |place: &Place| place.place == "path" && place.name.as_deref() == Some(part.0);
            let by_name =
                self.places.iter().any(|(name, place)| known(place) || (place.place == "path" && name == part.0));
            if !by_name {
                let place = Place { place: "path".into(), name: Some(part.0.into()), style: None, explode: None };
                self.add(Arg { name: part.0.into(), schema: json!({ "type": "string" }), required: true, place });
            }
        }
    }

    /// Adds an argument and gives its name in the list: the API's own as an identifier, with its place before it where
    /// another argument has that name already.
    pub(super) fn add(&mut self, arg: Arg) -> EcoString {
        let mut name = identifier(&arg.name);
        if arg.place.place == "header" {
            name = name.to_ascii_lowercase();
        }
        if name.is_empty() {
            name = arg.place.place.clone();
        } else if self.taken.has(&name) {
            name = eco_format!("{}_{name}", arg.place.place);
        }
        let name = self.taken.unique(&name);
        let same = arg.place.name.as_ref().is_none_or(|own| *own == name);
        let place = Place { name: arg.place.name.filter(|_| !same), ..arg.place };
        if arg.required {
            self.required.push(name.as_str().into());
        }
        self.properties.insert(name.to_string(), arg.schema);
        self.places.insert(name.clone(), place);
        name
    }

    /// The schema of all arguments, and where each goes.
    pub(super) fn finish(self) -> Result<(Json, IndexMap<EcoString, Place>), String> {
        let mut root = Map::new();
        root.insert("type".into(), "object".into());
        root.insert("properties".into(), Json::Object(self.properties));
        if !self.required.is_empty() {
            root.insert("required".into(), Json::Array(self.required));
        }
        root.insert("additionalProperties".into(), false.into());
        Ok((self.bundle.finish(Json::Object(root))?, self.places))
    }
}

/// An operation's own parameters stand over those of its path.
fn parameters<'a>(document: &Document<'a>, item: &'a Json, operation: &'a Json) -> Result<Vec<&'a Json>, String> {
    let mut found: Vec<&'a Json> = Vec::new();
    for holder in [operation, item] {
        for parameter in holder.get("parameters").and_then(Json::as_array).into_iter().flatten() {
            let parameter = document.follow(parameter)?;
            let same = |known: &&Json| ["in", "name"].iter().all(|key| text(known, key) == text(parameter, key));
            if !found.iter().any(same) {
                found.push(parameter);
            }
        }
    }
    Ok(found)
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}
