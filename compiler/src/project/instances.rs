//! Several instances of one tool server: a name for each, and the section that opens it.

use super::ToolSection;
use ecow::{EcoString, eco_format};

/// Most instances of one server.
pub const MOST_INSTANCES: usize = 64;

/// The variable that tells a process which instance it is, from 1.
const VARIABLE: &str = "WEIR_INSTANCE";

impl ToolSection {
    /// Names of its instances: host and port, with the path where that is needed to tell them apart, or the number of the
    /// process. Empty where there is one only.
    pub fn instance_names(&self) -> Vec<EcoString> {
        let addresses = if self.openapi.is_some() { &self.base_url } else { &self.url };
        match (&self.command, addresses.len()) {
            (Some(_), _) => match self.instances.unwrap_or(1) {
                0 | 1 => Vec::new(),
                count => (1..=count).take(MOST_INSTANCES).map(|number| eco_format!("{number}")).collect(),
            },
            (None, 0 | 1) => Vec::new(),
            (None, _) => names(addresses.get(..MOST_INSTANCES).unwrap_or(addresses)),
        }
    }

    /// A section for each instance, by its name; one without a name where there is one only.
    pub fn each_instance(&self) -> Vec<(EcoString, ToolSection)> {
        let names = self.instance_names();
        if names.is_empty() {
            return vec![(EcoString::new(), self.clone())];
        }
        let one = |(at, name): (usize, EcoString)| {
            let mut section = ToolSection { instances: None, ..self.clone() };
            let only = |all: &[String]| all.get(at).cloned().into_iter().collect::<Vec<_>>();
            match (&self.command, &self.openapi) {
                (Some(_), _) => drop(section.env.insert(VARIABLE.into(), name.to_string())),
                (None, Some(_)) => section.base_url = only(&self.base_url),
                (None, None) => section.url = only(&self.url),
            }
            (name, section)
        };
        names.into_iter().enumerate().map(one).collect()
    }
}

/// The shortest names that tell addresses apart. Queries and passwords stand in none.
fn names(addresses: &[String]) -> Vec<EcoString> {
    let parts: Vec<(&str, &str)> = addresses.iter().map(|address| parts(address)).collect();
    let host = |at: usize| parts.get(at).map_or("", |(host, _)| *host);
    let alone = |at: usize| parts.iter().filter(|(other, _)| *other == host(at)).count() == 1;
    let mut names: Vec<EcoString> = Vec::new();
    for (at, (host, path)) in parts.iter().enumerate() {
        let name = if alone(at) { EcoString::from(*host) } else { eco_format!("{host}{path}") };
        names.push(if names.contains(&name) { eco_format!("{name}#{}", at + 1) } else { name });
    }
    names
}

/// Host with port, and path.
fn parts(address: &str) -> (&str, &str) {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (host.rsplit('@').next().unwrap_or_default(), path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(toml: &str) -> ToolSection {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn each_instance_has_a_name_that_tells_it_apart() {
        let names = |toml: &str| section(toml).instance_names();
        assert_eq!(names("url = 'https://a.test/mcp'"), [""; 0]);
        assert_eq!(names("url = ['https://a.test/mcp?key=x', 'http://u:p@b.test:80/mcp']"), ["a.test", "b.test:80"]);
        assert_eq!(names("url = ['http://a/x/', 'http://a/y', 'http://b']"), ["a/x", "a/y", "b"]);
        assert_eq!(names("url = ['http://a/x?1', 'http://a/x?2']"), ["a/x", "a/x#2"]);
        assert_eq!(names("openapi = 'a.json'\nbase_url = ['http://a:1', 'http://a:2']"), ["a:1", "a:2"]);
        assert_eq!(names("command = ['x']\ninstances = 3"), ["1", "2", "3"]);
        assert_eq!(names("command = ['x']\ninstances = 1"), [""; 0]);
        assert_eq!(names("command = ['x']\ninstances = 9999").len(), MOST_INSTANCES);
    }

    #[test]
    fn an_instances_section_has_its_address_and_all_else() {
        let of = |toml: &str| section(toml).each_instance();
        let two = of("url = ['http://a/x', 'http://b/x']\nauth = 'env:KEY'");
        assert_eq!((two.len(), two[1].1.url.as_slice()), (2, ["http://b/x".to_owned()].as_slice()));
        assert_eq!(two[1].1.auth.as_deref(), Some("env:KEY"));
        let two = of("command = ['x']\ninstances = 2");
        assert_eq!((two[1].1.env["WEIR_INSTANCE"].as_str(), two[1].1.instances), ("2", None));
        assert_eq!(of("exec = ['x']")[0].0, "");
    }
}
