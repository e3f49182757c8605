//! The files in which other programs keep their MCP servers: `.mcp.json`, `.vscode/mcp.json`, `.cursor/mcp.json` and
//! their like, read as those programs read them. What stands in `${…}` stays a reference until a server is opened.

use super::config::{Config, ToolSection};
use ecow::EcoString;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use std::ops::Range;

/// Files of a project that are read without being named, relative to its folder.
pub const MCP_FILES: [&str; 3] = [".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json"];

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct McpFile {
    /// A section for each server, as if it stood in `weir.toml`, by a name that flows can write.
    pub servers: IndexMap<EcoString, ToolSection>,
    /// What is wrong with it.
    pub problems: Vec<McpProblem>,
}

/// What is wrong with a file, or with what it says beside the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpProblem {
    /// In the reader's words.
    pub message: String,
    /// What to do.
    pub help: &'static str,
    /// Whether the rest counts all the same.
    pub harmless: bool,
    /// Byte range in the text.
    pub at: Range<usize>,
}

/// Reads a file. Comments and commas before a closing bracket are allowed, keys that are not known are left alone.
pub fn read(text: &str) -> McpFile {
    let mut file = McpFile::default();
    let json: Json = match serde_json::from_str(&plain(text)) {
        Ok(json) => json,
        Err(error) => {
            let at = byte_of(text, error.line(), error.column());
            file.problem(format!("this is no JSON: {error}"), "save the file as JSON", false, at..at);
            return file;
        }
    };
    let Some(servers) = servers(&json) else {
        let help = "it holds its servers under `mcpServers`, in VS Code under `servers`";
        file.problem("no MCP servers stand in this file".to_owned(), help, true, 0..0);
        return file;
    };
    for (name, entry) in servers {
        if entry.get("disabled").and_then(Json::as_bool) == Some(true) {
            continue;
        }
        if file.servers.len() >= MOST_SERVERS {
            let message = format!("more than {MOST_SERVERS} servers stand in this file; the others are left out");
            file.problem(message, "take out those that flows do not need", false, 0..0);
            break;
        }
        let at = place(text, name);
        match section(entry) {
            Ok(section) => {
                let short = identifier(name);
                if file.servers.insert(short.clone(), section).is_some() {
                    let message = format!("two servers of this file are called `{short}` in flows");
                    file.problem(message, "give one of them another name", false, at);
                }
            }
            Err(why) => file.problem(
                format!("the server `{name}` {why}"),
                "a server has a `command` (with `args`) or a `url`",
                false,
                at,
            ),
        }
    }
    file
}

impl McpFile {
    fn problem(&mut self, message: String, help: &'static str, harmless: bool, at: Range<usize>) {
        self.problems.push(McpProblem { message, help, harmless, at });
    }
}

/// How many servers of one file are read.
const MOST_SERVERS: usize = 500;

/// Where the programs that we know keep the table of servers.
fn servers(json: &Json) -> Option<&Map<String, Json>> {
    let places = [
        json.get("mcpServers"),
        json.get("servers"),
        json.get("mcp").and_then(|mcp| mcp.get("servers")),
        json.get("context_servers"),
    ];
    places.into_iter().flatten().find_map(Json::as_object)
}

/// A server as a section.
fn section(entry: &Json) -> Result<ToolSection, String> {
    let entry = entry.as_object().ok_or("is no object")?;
    let url = ["url", "serverUrl", "httpUrl"].into_iter().find_map(|key| entry.get(key));
    let mut section = ToolSection { env: texts(entry, "env")?, ..ToolSection::default() };
    match (command(entry)?, url) {
        (Some(_), Some(_)) => return Err("has both a `command` and a `url`".to_owned()),
        (Some(command), None) => section.command = Some(command),
        (None, Some(Json::String(url))) => section.url = vec![url.clone()],
        (None, Some(_)) => return Err("has a `url` that is no text".to_owned()),
        (None, None) => return Err("has neither a `command` nor a `url`".to_owned()),
    }
    section.headers = texts(entry, "headers")?;
    section.cwd = match entry.get("cwd") {
        None | Some(Json::Null) => None,
        Some(Json::String(folder)) => Some(folder.clone()),
        Some(_) => return Err("has a `cwd` that is no text".to_owned()),
    };
    section.references = true;
    Ok(section)
}

/// `command` with `args`; some keep both in one list, some in an object with `path` and `args`.
fn command(entry: &Map<String, Json>) -> Result<Option<Vec<String>>, String> {
    let inner = entry.get("command").and_then(Json::as_object);
    let (program, args) = match inner {
        Some(inner) => (inner.get("path"), inner.get("args")),
        None => (entry.get("command"), entry.get("args")),
    };
    let mut words = match program {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(program)) => vec![program.clone()],
        Some(Json::Array(list)) => list.iter().map(text_of).collect::<Option<Vec<_>>>().ok_or(NOT_TEXTS)?,
        Some(_) => return Err("has a `command` that is no text".to_owned()),
    };
    match args {
        None | Some(Json::Null) => {}
        Some(Json::Array(list)) => words.extend(list.iter().map(text_of).collect::<Option<Vec<_>>>().ok_or(NOT_TEXTS)?),
        Some(_) => return Err(NOT_TEXTS.to_owned()),
    }
    Ok(Some(words))
}

const NOT_TEXTS: &str = "has `args` that are no list of texts";

/// The texts of an object; the form of each says that references in it are resolved when the server is opened.
fn texts(entry: &Map<String, Json>, key: &str) -> Result<IndexMap<EcoString, String>, String> {
    let fields = match entry.get(key) {
        None | Some(Json::Null) => return Ok(IndexMap::new()),
        Some(Json::Object(fields)) => fields,
        Some(_) => return Err(format!("has `{key}` that is no object")),
    };
    let text = |(name, value): (&String, &Json)| {
        let text = text_of(value).ok_or_else(|| format!("has `{key}` with `{name}`, which is no text"))?;
        Ok((name.as_str().into(), format!("expand:{text}")))
    };
    fields.iter().map(text).collect()
}

/// Numbers and truth values count as their texts, as shells see them.
fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The name that flows write: what no identifier has becomes `_`.
pub fn identifier(name: &str) -> EcoString {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// Adds the servers of the files to a project file. A section of the same name that names no server keeps what it says
/// and gets the server; a section that names one counts alone; of two files the first counts.
///
/// `taken` says which names belong to built-in tools. The result is what to report, with the number of the file.
pub fn add(config: &mut Config, files: &[McpFile], taken: impl Fn(&str) -> bool) -> Vec<(usize, EcoString, String)> {
    let mut told = Vec::new();
    let mut first: IndexMap<EcoString, ToolSection> = IndexMap::new();
    for (at, file) in files.iter().enumerate() {
        for (name, found) in &file.servers {
            let own = config.tools.keys().find(|own| *own == name || identifier(own) == *name).cloned();
            let own = own.unwrap_or_else(|| name.clone());
            if taken(&own) {
                let message = format!("`{name}` is left out: built-in tools have this name");
                told.push((at, name.clone(), message));
                continue;
            }
            if let Some(known) = first.get(&own) {
                if !same(known, found) {
                    let message = format!("`{name}` is another server here than in a file that counts before this one");
                    told.push((at, name.clone(), message));
                }
                continue;
            }
            first.insert(own.clone(), found.clone());
            let section = config.tools.entry(own).or_default();
            match section.kinds().is_empty() {
                true => section.take_server(found),
                false if same(section, found) => {}
                false => {
                    let message = format!("`{name}` is another server here than in weir.toml, which counts");
                    told.push((at, name.clone(), message));
                }
            }
        }
    }
    told
}

/// Whether two sections start or reach the same server.
fn same(a: &ToolSection, b: &ToolSection) -> bool {
    a.command == b.command && a.url == b.url
}

impl ToolSection {
    /// Takes over which server it is; what the section says itself stays.
    fn take_server(&mut self, found: &ToolSection) {
        self.command.clone_from(&found.command);
        self.url.clone_from(&found.url);
        self.references = true;
        if self.cwd.is_none() {
            self.cwd.clone_from(&found.cwd);
        }
        for (mine, theirs) in [(&mut self.env, &found.env), (&mut self.headers, &found.headers)] {
            for (key, value) in theirs {
                mine.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// JSON with comments and with commas before a closing bracket made JSON: each byte of those becomes a blank, so that
/// places stay right.
fn plain(text: &str) -> String {
    let mut bytes: Vec<u8> = text.bytes().collect();
    if text.starts_with('\u{feff}') {
        bytes.iter_mut().take(3).for_each(|byte| *byte = b' ');
    }
    let (mut at, mut comma) = (0, None);
    while let Some(byte) = bytes.get(at).copied() {
        match (byte, bytes.get(at + 1).copied()) {
            (b'"', _) => {
                comma = None;
                at = end_of_text(&bytes, at);
                continue;
            }
            (b'/', Some(b'/')) => {
                at = blank_until(&mut bytes, at, |rest| rest.first() == Some(&b'\n'), 0);
                continue;
            }
            (b'/', Some(b'*')) => {
                at = blank_until(&mut bytes, at, |rest| rest.starts_with(b"*/"), 2);
                continue;
            }
            (b',', _) => comma = Some(at),
            (b'}' | b']', _) => {
                if let Some(slot) = comma.take().and_then(|comma| bytes.get_mut(comma)) {
                    *slot = b' ';
                }
            }
            (byte, _) if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte behind a text that opens at `at`.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Blanks out bytes until `ends` holds and `more` behind that; line ends stay.
fn blank_until(bytes: &mut [u8], from: usize, ends: impl Fn(&[u8]) -> bool, more: usize) -> usize {
    let length = bytes.get(from + more.min(2)..).unwrap_or_default();
    let end = (0..length.len()).find(|at| length.get(*at..).is_some_and(&ends));
    let end = end.map_or(bytes.len(), |at| from + more.min(2) + at + more).min(bytes.len());
    let blanked = bytes.get_mut(from..end).into_iter().flatten();
    blanked.filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    end
}

fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where the name of a server stands, as near as a search gets.
pub fn place(text: &str, name: &str) -> Range<usize> {
    let quoted = Json::String(name.to_owned()).to_string();
    match text.find(&quoted) {
        Some(at) => at..at + quoted.len(),
        None => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> (EcoString, ToolSection) {
        let file = read(text);
        assert_eq!(file.problems, [], "{text}");
        assert_eq!(file.servers.len(), 1, "{text}");
        file.servers.into_iter().next().unwrap()
    }

    #[test]
    fn every_known_shape_is_one_section() {
        for text in [
            r#"{"mcpServers": {"fs": {"command": "npx", "args": ["-y", "fs"], "env": {"K": "${K}"}}}}"#,
            r#"{"servers": {"fs": {"type": "stdio", "command": "npx", "args": ["-y", "fs"], "env": {"K": "${K}"}}},
                "inputs": [{"id": "k", "type": "promptString"}]}"#,
            r#"{"mcp": {"servers": {"fs": {"command": ["npx", "-y", "fs"], "env": {"K": "${K}"}}}}}"#,
            r#"{"context_servers": {"fs": {"command": {"path": "npx", "args": ["-y", "fs"]}, "env": {"K": "${K}"}}}}"#,
        ] {
            let (name, section) = only(text);
            assert_eq!(name, "fs");
            assert_eq!(section.command.unwrap(), ["npx", "-y", "fs"]);
            assert_eq!(section.env["K"], "expand:${K}");
        }
        for key in ["url", "serverUrl", "httpUrl"] {
            let (_, section) =
                only(&format!(r#"{{"mcpServers": {{"x": {{"type": "http", "{key}": "https://a.b/mcp"}}}}}}"#));
            assert_eq!(section.url, ["https://a.b/mcp"]);
        }
    }

    #[test]
    fn comments_and_last_commas_are_read_over_and_places_stay() {
        let text = "\u{feff}{ // my servers\n  \"mcpServers\": { /* one, */\n    \"a-b\": { \"command\": \"x, // no\", \
                    \"args\": [\"}\", \"\\\"//\",], },\n  },\n}\n";
        let (name, section) = only(text);
        assert_eq!(name, "a_b");
        assert_eq!(section.command.unwrap(), ["x, // no", "}", "\"//"]);
        let broken = read("{ /* c */\n  \"mcpServers\": x }");
        assert_eq!(broken.problems[0].at.start, 26, "{broken:?}");
    }

    #[test]
    fn what_is_wrong_is_told_by_server_and_the_others_count() {
        let file = read(
            r#"{"mcpServers": {"a": {}, "b": 3, "c": {"command": "x", "url": "y"}, "d": {"command": "x", "args": "y"},
                "e": {"command": "x", "disabled": true}, "f": {"command": "x", "env": {"A": 1}}}}"#,
        );
        let told: Vec<&str> = file.problems.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].contains("`a` has neither") && told[2].contains("both") && told[3].contains("list of texts"));
        assert_eq!(file.servers.keys().collect::<Vec<_>>(), ["f"]);
        assert!(read("{}").problems[0].harmless);
    }

    #[test]
    fn a_cut_off_file_never_panics() {
        let text = "{ // é\n \"mcpServers\": {\"a\": /* x */ {\"command\": \"b\\\\\", },},}";
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            read(&text[..end]);
        }
    }

    #[test]
    fn a_section_of_the_same_name_adds_to_the_server() {
        let mut config = Config::parse(
            "[tools.fs]\nannotations = \"trust\"\nenv = { K = \"env:MINE\" }\n[tools.own]\ncommand = [\"mine\"]\n",
        )
        .unwrap();
        let first = read(
            r#"{"mcpServers": {"fs": {"command": "npx", "env": {"K": "a", "L": "b"}}, "own": {"command": "theirs"},
                "files": {"command": "x"}}}"#,
        );
        let second = read(r#"{"servers": {"fs": {"command": "other"}, "new": {"url": "http://x"}}}"#);
        let told = add(&mut config, &[first, second], |name| name == "files");
        let fs = &config.tools["fs"];
        assert_eq!(fs.command.as_deref().unwrap(), ["npx"]);
        assert_eq!((fs.env["K"].as_str(), fs.env["L"].as_str()), ("env:MINE", "expand:b"));
        assert_eq!(fs.annotations.as_deref(), Some("trust"));
        assert_eq!(config.tools["own"].command.as_deref().unwrap(), ["mine"]);
        assert!(config.tools.contains_key("new") && !config.tools.contains_key("files"));
        assert_eq!(
            told.iter().map(|(at, name, _)| (*at, name.as_str())).collect::<Vec<_>>(),
            [(0, "own"), (0, "files"), (1, "fs")]
        );
    }
}
