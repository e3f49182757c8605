//! Flow text of any length, made of the things that people write.

use weir_compiler::project::{ProjectSource, SourceFile};

/// One module of about 60 lines; `n` makes its names different.
fn module(n: usize) -> String {
    format!(
        r#"/// Things of module {n}.
type Lead{n} = {{
  email: string matching /.+@.+/
  name: string
  company?: string
  score: int in 0..100
}}

tool crm{n}.search(q: string, cursor?: string) -> {{ items: [Lead{n}], cursor: string? }} can crm{n}.read timeout 5s
tool crm{n}.create(name: string, email: string) -> {{ id: string }} can crm{n}.write
tool crm{n}.delete(id: string) -> {{ ok: bool }} can crm{n}.write idempotent
tool iam{n}.grant(account: string, plan: "trial" | "full") -> {{ id: string }} can iam{n}.write
tool iam{n}.revoke(id: string) can iam{n}.write idempotent

validator reachable{n}(lead: Lead{n}) {{
  require not ends_with(lead.email, "@example.com") else "{{lead.name}} has no real address"
}}

transformer tidy{n}(raw: [Lead{n}]) -> [Lead{n}] {{
  for r in raw {{
    require r.name != "" else drop "no name"
    if r.score > 90 {{ annotate "very good" }}
    yield {{ ...r, email: lower(trim(r.email)), score: clamp(r.score, 0, 100) }}
  }}
}}

saga provision{n}(lead: Lead{n}) -> {{ account: string }} can crm{n}.write, iam{n}.write {{
  account = crm{n}.create(name: lead.company ?? lead.name, email: lead.email)
    undo crm{n}.delete(id: account.id)
  plan = match lead.score {{
    0..49 => "trial"
    else => "full"
  }}
  grant = iam{n}.grant(account: account.id, plan: if plan == "full" then "full" else "trial")
    undo iam{n}.revoke(id: grant.id)
  return {{ account: "{{account.id}}/{{grant.id}}" }}
}}

coordinator onboard{n}(query: string) -> [{{ account: string }}] can crm{n}.read, crm{n}.write, iam{n}.write {{
  pages = repeat cursor = null at most 50 {{
    page = crm{n}.search(q: query, cursor: cursor) retry 5 backoff 200ms..30s fallback {{ items: [], cursor: null }}
    yield page.items
    next page.cursor
  }}
  leads = tidy{n}(flatten(pages)) |> check reachable{n}
  best = sort([l for l in leads if l.score >= 80], by: l => [l.score, l.name]) |> take(100)
  count = len(best)
  require count > 0 else "nobody in {{query}}"
  accounts = for lead in best parallel 4 {{
    yield provision{n}(lead)
  }}
  return accounts
}}

"#
    )
}

/// A project of about `lines` lines in files of some 500 lines, its text length and its real number of lines.
pub fn project(lines: usize) -> (ProjectSource, usize, usize) {
    let mut source = ProjectSource::default();
    let (mut count, mut bytes, mut n) = (0, 0, 0);
    while count < lines {
        let mut text = String::new();
        while text.lines().count() < 500 && count + text.lines().count() < lines {
            text.push_str(&module(n));
            n += 1;
        }
        count += text.lines().count();
        bytes += text.len();
        let name = format!("part{}", source.files.len());
        source.files.push(SourceFile { path: format!("{name}.flow").into(), module: name.into(), text });
    }
    (source, bytes, count)
}
