//! `weir new NAME`: a small project that runs.

use crate::args::NewArgs;
use crate::exit::{Error, Exit, Outcome};
use crate::{escape, out};
use std::path::Path;

/// Path and text of every file; `{name}` is the project's name.
const FILES: [(&str, &str); 6] = [
    ("weir.toml", include_str!("../../template/weir.toml")),
    ("flows/main.flow", include_str!("../../template/flows/main.flow")),
    ("flows/tests.flow", include_str!("../../template/flows/tests.flow")),
    ("data/people.csv", include_str!("../../template/data/people.csv")),
    ("README.md", include_str!("../../template/README.md")),
    (".gitignore", include_str!("../../template/gitignore")),
];

/// Makes the project.
pub fn run(args: &NewArgs) -> Outcome {
    let name = project_name(&args.name)?;
    let shown = escape::line(&args.name.display().to_string()).into_owned();
    refuse_existing(&args.name, &shown)?;
    for (path, text) in FILES {
        write(&args.name.join(path), &text.replace("{name}", name))
            .map_err(|error| Error::failed(format!("cannot write `{shown}/{path}`: {error}")))?;
    }
    out::note_line(&format!(
        "made `{shown}`; try\n\n    weir check {shown}\n    weir test {shown}\n    weir run {shown}\n"
    ));
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

fn project_name(path: &Path) -> Result<&str, Error> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if good {
        return Ok(name);
    }
    let help = "a name starts with a letter and goes on with letters, digits, `-` and `_`";
    Err(Error::usage(format!("`{}` cannot be the name of a project", path.display())).help(help))
}

fn refuse_existing(path: &Path, shown: &str) -> Result<(), Error> {
    if path.is_file() {
        return Err(Error::usage(format!("`{shown}` is a file already")));
    }
    let taken = path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if taken {
        return Err(Error::usage(format!("`{shown}` is there already and not empty")).help("choose another name"));
    }
    Ok(())
}
