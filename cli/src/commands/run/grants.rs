//! What a run may do, and whether that is enough: before anything is called.

use crate::exit::Error;
use weir_compiler::FlowInfo;
use weir_compiler::project::Config;

/// The capabilities of the run: what `weir.toml` grants to the flow (its own `can` where there is no table, save
/// `exec`), and what `--grant` adds.
pub fn grants(flow: &FlowInfo, config: &Config, added: &[String]) -> Result<Vec<String>, Error> {
    let mut granted: Vec<String> = match &config.grants {
        None => flow.can.iter().filter(|capability| !executes(capability)).map(ToString::to_string).collect(),
        Some(table) => {
            let named = table.get(&flow.name).into_iter().flatten();
            let all = table.get("*").into_iter().flatten().filter(|capability| !executes(capability));
            named.chain(all).map(ToString::to_string).collect()
        }
    };
    for capability in added.iter().map(|capability| capability.trim()).filter(|capability| !capability.is_empty()) {
        well_formed(capability)?;
        granted.push(capability.to_owned());
    }
    granted.sort();
    granted.dedup();
    Ok(granted)
}

/// Refused where the flow may do more than the run is granted.
pub fn suffice(flow: &FlowInfo, granted: &[String], has_table: bool) -> Result<(), Error> {
    let lacks = |capability: &&str| !granted.iter().any(|granted| granted == capability);
    let missing: Vec<&str> = flow.can.iter().map(|capability| capability.as_str()).filter(lacks).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(|capability| format!("`{capability}`")).collect();
    let why = match missing.iter().all(|capability| executes(capability)) {
        true if !has_table => "; running code is granted by name only",
        _ => "",
    };
    let entry: Vec<String> = flow.can.iter().map(|capability| format!("{capability:?}")).collect();
    let help = format!(
        "add `--grant {}`, or under `[grants]` in weir.toml: {:?} = [{}]",
        missing.join(","),
        flow.name,
        entry.join(", ")
    );
    Err(Error::failed(format!("`{}` is not granted {}{why}; nothing was started", flow.name, list.join(", ")))
        .help(help))
}

fn executes(capability: &str) -> bool {
    capability.ends_with(".exec")
}

fn well_formed(capability: &str) -> Result<(), Error> {
    let verb = capability.split_once('.').map_or("", |(_, verb)| verb);
    if matches!(verb, "read" | "write" | "send" | "exec") && !capability.starts_with('.') {
        return Ok(());
    }
    let help = "a capability is `resource.verb`; the verb is `read`, `write`, `send` or `exec`";
    Err(Error::usage(format!("`--grant {capability}` names no capability")).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_lang::ast::Role;

    fn flow(can: &[&str]) -> FlowInfo {
        FlowInfo {
            name: "a.main".into(),
            role: Role::Coordinator,
            doc: None,
            loc: Default::default(),
            params: Vec::new(),
            returns: None,
            can: can.iter().map(|capability| (*capability).into()).collect(),
            steered: Vec::new(),
            calls: Vec::new(),
            needs: Vec::new(),
        }
    }

    fn granted(can: &[&str], toml: &str, added: &[&str]) -> Vec<String> {
        let added: Vec<String> = added.iter().map(|capability| (*capability).to_owned()).collect();
        grants(&flow(can), &Config::parse(toml).unwrap(), &added).unwrap()
    }

    #[test]
    fn without_a_table_its_own_save_exec() {
        assert_eq!(granted(&["crm.read", "shell.exec"], "", &[]), ["crm.read"]);
        assert_eq!(granted(&["shell.exec"], "", &["shell.exec"]), ["shell.exec"]);
    }

    #[test]
    fn with_a_table_only_what_it_says() {
        let toml =
            "[grants]\n\"*\" = [\"crm.read\", \"shell.exec\"]\n\"a.main\" = [\"iam.write\"]\n\"b\" = [\"x.read\"]\n";
        assert_eq!(granted(&["crm.write"], toml, &[]), ["crm.read", "iam.write"]);
        assert_eq!(granted(&["crm.write"], "[grants]\n", &[]), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = suffice(&flow(&["crm.read", "crm.write"]), &["crm.read".into()], true).unwrap_err();
        assert!(error.messages.concat().contains("`crm.write`"), "{error:?}");
        assert!(error.help.unwrap_or_default().contains("--grant crm.write"));
        assert!(grants(&flow(&[]), &Config::default(), &["crm".into()]).is_err());
    }
}
