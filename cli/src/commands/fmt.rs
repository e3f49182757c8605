//! `weir fmt [PATH…] [--check] [-]`: the one style. A broken file is left as it is, with the reason; a whole one is
//! replaced in one go or not at all.

use crate::args::FmtArgs;
use crate::exit::{Error, Exit, Outcome};
use crate::out::{self, Style, styled};
use crate::project::{flow_files, is_flow_file, missing, project_above, read_whole, shown};
use crate::report::{self, Findings};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use weir_compiler::project::SourceFile;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::format::format;

/// Formats, or lists what would change.
pub fn run(args: &FmtArgs) -> Outcome {
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        return stdin(args);
    }
    let around = [project_above(Path::new(".")).unwrap_or_else(|| PathBuf::from("."))];
    let paths = if args.paths.is_empty() { &around[..] } else { &args.paths };
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    let mut tally = Tally::default();
    for file in &files {
        one(file, args.check, &mut tally)?;
    }
    tally.tell(args.check);
    Ok(if tally.broken > 0 || (args.check && tally.changed > 0) { Exit::Failed } else { Exit::Done })
}

#[derive(Default)]
struct Tally {
    changed: usize,
    broken: usize,
    same: usize,
}

impl Tally {
    fn tell(&self, check: bool) {
        let what = if check { "would change" } else { "changed" };
        let mut text = format!("{} {what}, {} already in style", report::counted(self.changed, "file"), self.same);
        if self.broken > 0 {
            text.push_str(&format!(", {} left alone because of errors", self.broken));
        }
        out::note_line(&text);
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let full = path.canonicalize().map_err(|_| missing(path))?;
    let found = if full.is_dir() { flow_files(&full)? } else { vec![full] };
    if let [only] = found.as_slice()
        && !is_flow_file(only)
    {
        return Err(Error::usage(format!("`{}` is no `.flow` file", path.display())));
    }
    for file in found {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(())
}

fn one(path: &Path, check: bool, tally: &mut Tally) -> Result<(), Error> {
    let name = shown(path);
    let text = read_whole(path)?;
    match format(&text) {
        Err(mistakes) => {
            tally.broken += 1;
            tell_broken(&name, text, &mistakes);
        }
        Ok(formatted) if formatted == text => tally.same += 1,
        Ok(formatted) => {
            tally.changed += 1;
            if !check {
                replace(path, &name, &formatted)?;
            }
            out::result_line(&name);
        }
    }
    Ok(())
}

/// Writes beside the file, then renames: whoever reads sees the old text or the new one.
pub(super) fn replace(path: &Path, name: &str, text: &str) -> Result<(), Error> {
    let cannot = |error: &std::io::Error| {
        Error::failed(format!("cannot write `{name}`: {error}"))
            .help("the file is as it was; check that you may write in its folder")
    };
    let permissions = std::fs::metadata(path).map_err(|error| cannot(&error))?.permissions();
    if permissions.readonly() {
        return Err(Error::failed(format!("cannot write `{name}`: it is read-only")).help("the file is as it was"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.as_file().set_permissions(permissions)?;
        new.as_file().sync_all()?;
        new.persist(path).map_err(|error| error.error)
    });
    written.map(|_| ()).map_err(|error| cannot(&error))
}

fn stdin(args: &FmtArgs) -> Outcome {
    if args.paths.len() > 1 {
        return Err(Error::usage("`-` stands for stdin and takes no other paths beside it"));
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|error| Error::usage(format!("cannot read stdin: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::usage("stdin is not UTF-8 text"))?;
    match format(&text) {
        Err(mistakes) => {
            tell_broken("<stdin>", text, &mistakes);
            Ok(Exit::Failed)
        }
        Ok(formatted) if args.check => Ok(if formatted == text { Exit::Done } else { Exit::Failed }),
        Ok(formatted) => {
            out::result(&formatted);
            Ok(Exit::Done)
        }
    }
}

/// Why a file is left alone.
fn tell_broken(name: &str, text: String, diagnostics: &[Diagnostic]) {
    let file = SourceFile { path: name.into(), module: Default::default(), text };
    let findings = Findings::some(std::slice::from_ref(&file), diagnostics, |_| true);
    out::note(&report::human(&[findings], out::stderr_colour()));
    out::note_line(&styled(Style::Dim, &format!("`{name}` was left as it is")));
}
