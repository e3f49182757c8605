//! Reading one file, never more of it than its limit, and never failing on its content.

use crate::exit::Error;
use std::io::Read;
use std::path::Path;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::rules::Rule;
use weir_lang::span::{FileId, Loc, Span};

/// One byte more than a source file may have: enough for the parser to see that it is too large.
const ENOUGH: u64 = (1 << 20) + 1;

/// The text of a source file, and what is wrong with its bytes.
pub fn source(path: &Path, shown: &str, file: u32, rule: Rule) -> Result<(String, Option<Diagnostic>), Error> {
    // A pipe would be waited for without end.
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(Error::usage(format!("`{shown}` is no file")));
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path);
    opened.and_then(|file| file.take(ENOUGH).read_to_end(&mut bytes)).map_err(|error| cannot_read(shown, &error))?;
    Ok(decode(bytes, file, rule))
}

/// A whole file of the reader's own choosing, such as `--input`.
pub fn read_whole(path: &Path) -> Result<String, Error> {
    let shown = path.display().to_string();
    if !path.exists() {
        return Err(super::missing(path));
    }
    if path.is_dir() {
        return Err(Error::usage(format!("`{shown}` is a folder, not a file")));
    }
    let bytes = std::fs::read(path).map_err(|error| cannot_read(&shown, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        Error::usage(format!(
            "`{shown}` is not UTF-8 text: byte {} does not belong",
            error.utf8_error().valid_up_to() + 1
        ))
    })
}

fn cannot_read(shown: &str, error: &std::io::Error) -> Error {
    Error::usage(format!("cannot read `{shown}`: {error}")).help("check that it is a file that you may read")
}

fn decode(bytes: Vec<u8>, file: u32, rule: Rule) -> (String, Option<Diagnostic>) {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return (text, None),
        Err(error) => error,
    };
    let (at, cut) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
    let bytes = error.into_bytes();
    // The limit may have cut a character in two; what was read is too large anyway.
    if cut && bytes.len() as u64 >= ENOUGH {
        return (String::from_utf8_lossy(&bytes).into_owned(), None);
    }
    let place = Loc { file: FileId(file), span: Span::new(at, at + '\u{fffd}'.len_utf8()) };
    let problem = Diagnostic::new(rule, place, "this file is not UTF-8 text").help("save it as UTF-8 in your editor");
    (String::from_utf8_lossy(&bytes).into_owned(), Some(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_bytes_are_told_with_their_place() {
        let (text, problem) = decode(b"ab\xffcd".to_vec(), 3, Rule::Syntax);
        assert_eq!(text, "ab\u{fffd}cd");
        let place = problem.unwrap().loc();
        assert_eq!((place.file.0, place.span.start), (3, 2));
        assert!(decode("blåbær".into(), 0, Rule::Syntax).1.is_none());
    }
}
