//! Layout: a document of texts and possible line ends, and the printer that decides which line ends to take.
//! The idea is Wadler's "A prettier printer": a group is printed on one line where it fits, else at every one
//! of its own line ends.

/// Longest line that the printer aims for, in characters.
const WIDTH: usize = 106;
const STEP: usize = 2;

/// A piece of output whose line ends are not decided yet.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    /// Text without a line end, or a literal printed as it was written.
    Text(String),
    /// A blank, or a line end where the group is broken.
    Line,
    /// Nothing, or a line end where the group is broken.
    Soft,
    /// Always a line end.
    Hard,
    /// An empty line.
    Blank,
    /// Text that stands only where the group is broken.
    IfBroken(&'static str),
    /// Text that stands only where the group is not broken.
    IfFlat(&'static str),
    /// A comment behind something on its line, and the column where it stood.
    Trailing(String, usize),
    /// One after the other.
    Cat(Vec<Doc>),
    /// One level deeper.
    Indent(Box<Doc>),
    /// On one line if that fits and nothing in it forces a line end.
    Group(Box<Doc>, bool),
}

pub(super) fn text(text: impl Into<String>) -> Doc {
    Doc::Text(text.into())
}

pub(super) fn nil() -> Doc {
    Doc::Cat(Vec::new())
}

pub(super) fn cat(docs: impl IntoIterator<Item = Doc>) -> Doc {
    Doc::Cat(docs.into_iter().collect())
}

pub(super) fn indent(doc: Doc) -> Doc {
    Doc::Indent(Box::new(doc))
}

/// A group; `broken` forces its line ends.
pub(super) fn group(doc: Doc, broken: bool) -> Doc {
    let broken = broken || doc.forces();
    Doc::Group(Box::new(doc), broken)
}

impl Doc {
    /// Whether a line end in it cannot be avoided.
    pub(super) fn forces(&self) -> bool {
        match self {
            Doc::Hard | Doc::Blank | Doc::Trailing(..) => true,
            Doc::Cat(docs) => docs.iter().any(Doc::forces),
            Doc::Indent(doc) => doc.forces(),
            Doc::Group(_, broken) => *broken,
            _ => false,
        }
    }
}

#[derive(Clone, Copy)]
struct Todo<'a> {
    indent: usize,
    flat: bool,
    doc: &'a Doc,
}

struct Printer {
    out: String,
    column: usize,
}

/// Prints a document.
pub(super) fn print(doc: &Doc) -> String {
    let mut printer = Printer { out: String::new(), column: 0 };
    let mut todo = vec![Todo { indent: 0, flat: false, doc }];
    while let Some(next) = todo.pop() {
        printer.one(next, &mut todo);
    }
    printer.out
}

impl Printer {
    fn one<'a>(&mut self, next: Todo<'a>, todo: &mut Vec<Todo<'a>>) {
        match next.doc {
            Doc::Text(text) => self.write(text),
            Doc::Line if next.flat => self.write(" "),
            Doc::Soft if next.flat => {}
            Doc::Line | Doc::Soft | Doc::Hard => self.line(next.indent),
            Doc::Blank => {
                self.trim();
                if !self.out.is_empty() && !self.out.ends_with("\n\n") {
                    self.out.push('\n');
                }
                self.out.extend(std::iter::repeat_n(' ', next.indent));
                self.column = next.indent;
            }
            Doc::IfBroken(text) if !next.flat => self.write(text),
            Doc::IfFlat(text) if next.flat => self.write(text),
            Doc::IfBroken(_) | Doc::IfFlat(_) => {}
            Doc::Trailing(text, column) => {
                let gap = column.saturating_sub(self.column).max(1);
                self.write(&" ".repeat(if self.at_start() { 0 } else { gap }));
                self.write(text);
            }
            Doc::Cat(docs) => todo.extend(docs.iter().rev().map(|doc| Todo { doc, ..next })),
            Doc::Indent(doc) => todo.push(Todo { indent: next.indent + STEP, doc, ..next }),
            Doc::Group(doc, broken) => {
                let flat = next.flat || (!broken && self.fits(Todo { flat: true, doc, ..next }, todo));
                todo.push(Todo { flat, doc, ..next });
            }
        }
    }

    fn at_start(&self) -> bool {
        self.out.rsplit('\n').next().is_none_or(|line| line.trim().is_empty())
    }

    fn write(&mut self, text: &str) {
        self.out.push_str(text);
        match text.rsplit_once('\n') {
            Some((_, last)) => self.column = last.chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    fn trim(&mut self) {
        self.out.truncate(self.out.trim_end_matches([' ', '\t']).len());
    }

    fn line(&mut self, indent: usize) {
        self.trim();
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    /// Whether `first` and what follows up to the next line end still fit on this line.
    fn fits(&self, first: Todo<'_>, rest: &[Todo<'_>]) -> bool {
        let mut room = WIDTH.saturating_sub(self.column);
        let mut todo = vec![first];
        let mut rest = rest.iter().rev();
        loop {
            let Some(next) = todo.pop().or_else(|| rest.next().copied()) else {
                return true;
            };
            match next.doc {
                Doc::Text(text) => {
                    let first = text.split('\n').next().unwrap_or("");
                    let width = first.chars().count();
                    if width > room {
                        return false;
                    }
                    if first.len() < text.len() {
                        return true;
                    }
                    room -= width;
                }
                Doc::Line if next.flat => match room.checked_sub(1) {
                    Some(left) => room = left,
                    None => return false,
                },
                Doc::Soft if next.flat => {}
                Doc::Line | Doc::Soft | Doc::Hard | Doc::Blank | Doc::Trailing(..) => return true,
                Doc::IfBroken(_) => {}
                Doc::IfFlat(text) => room = room.saturating_sub(text.len()),
                Doc::Cat(docs) => todo.extend(docs.iter().rev().map(|doc| Todo { doc, ..next })),
                Doc::Indent(doc) => todo.push(Todo { doc, ..next }),
                Doc::Group(doc, _) => todo.push(Todo { doc, ..next }),
            }
        }
    }
}
