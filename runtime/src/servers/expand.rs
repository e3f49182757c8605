//! `${…}` as the programs write it that keep MCP servers: `${NAME}` and `${NAME:-default}`, in VS Code's and Cursor's
//! files also `${env:NAME}`, `${workspaceFolder}`, `${userHome}` and `${pathSeparator}`.

use std::path::Path;

/// The text with every reference replaced by what it stands for now. A `$` elsewhere is itself.
///
/// # Errors
/// In the reader's words, without any value: a variable that is not set, a reference that only an editor can resolve.
pub fn expand(text: &str, root: &Path) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        let Some((reference, after)) = behind.split_once('}') else {
            out.push_str("${");
            rest = behind;
            continue;
        };
        out.push_str(&value(reference, root)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(reference: &str, root: &Path) -> Result<String, String> {
    let folder = || std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    match reference {
        "workspaceFolder" | "workspaceRoot" => return Ok(folder().to_string_lossy().into_owned()),
        "workspaceFolderBasename" => {
            return Ok(folder().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
        }
        "userHome" => return variable("HOME", None),
        "pathSeparator" | "/" => return Ok(std::path::MAIN_SEPARATOR.to_string()),
        _ => {}
    }
    if let Some(id) = reference.strip_prefix("input:") {
        return Err(format!(
            "`${{input:{id}}}` is asked for by the editor; set it in `env` or `headers` of the server's section in \
             weir.toml, as `env:NAME`"
        ));
    }
    let reference = reference.strip_prefix("env:").unwrap_or(reference);
    match reference.split_once(":-") {
        Some((name, default)) => variable(name, Some(default)),
        None => variable(reference, None),
    }
}

/// An empty variable counts as missing where there is a default, as in a shell.
fn variable(name: &str, default: Option<&str>) -> Result<String, String> {
    match (std::env::var(name), default) {
        (Ok(value), None) => Ok(value),
        (Ok(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (Err(_), None) => Err(format!("the variable `{name}` is not set")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_what_they_stand_for() {
        let home = std::env::var("HOME").unwrap_or_default();
        for (text, expected) in [
            ("plain $5 $HOME", "plain $5 $HOME".to_owned()),
            ("${WEIR_NO_SUCH_VARIABLE:-a b}c", "a bc".to_owned()),
            ("${WEIR_NO_SUCH_VARIABLE:-}", String::new()),
            ("x${HOME}y${env:HOME}", format!("x{home}y{home}")),
            ("${workspaceFolder}/data", "/p/data".to_owned()),
            ("open ${", "open ${".to_owned()),
        ] {
            assert_eq!(expand(text, Path::new("/p")).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = expand("a ${WEIR_NO_SUCH_VARIABLE} b", Path::new("/p")).unwrap_err();
        assert_eq!(missing, "the variable `WEIR_NO_SUCH_VARIABLE` is not set");
        assert!(expand("${input:key}", Path::new("/p")).unwrap_err().contains("weir.toml"));
    }
}
