// Highlights every `flow` block of the site as the browser does, with the highlight.js that mdBook brings:
// `node highlight.test.js target/book`.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { flow, words } = require("./flow.js");

const book = path.resolve(process.argv[2]);
const bundle = fs.readdirSync(path.join(book, "html")).find((name) => /^highlight(-\w+)?\.js$/.test(name));
const hljs = require(path.join(book, "html", bundle));
hljs.registerLanguage("flow", flow);

// The words are those of the compiler.
const lang = path.join(__dirname, "../../lang/src");
const read = (file) => fs.readFileSync(path.join(lang, file), "utf8");
const spelling = read("parse/spelling.rs");
const list = (name) => {
  const found = spelling.match(new RegExp(`const ${name}: \\[&str; \\d+\\] =\\s*\\[([^\\]]*)\\]`));
  assert.ok(found, `no list ${name} in spelling.rs`);
  return [...found[1].matchAll(/"(\w+)"/g)].map((word) => word[1]);
};
const ours = (...groups) => groups.flatMap((group) => words[group].split(" "));
const same = (what, left, right) => assert.deepStrictEqual([...new Set(left)].sort(), [...new Set(right)].sort(), what);
same("reserved words", ours("reserved", "literals"), list("RESERVED"));
same("declarations", ours("declarations"), list("DECLARATIONS"));
same("roles", ours("roles"), [...read("ast/flow.rs").matchAll(/\("(\w+)", Role::\w+\)/g)].map((role) => role[1]));
const all = new Set(ours("reserved", "literals", "declarations", "roles", "placed"));
for (const word of [...list("CLAUSES"), ...list("STEPS"), ...list("INSIDE")]) assert.ok(all.has(word), `${word} is not highlighted`);
// Some stand in the grammar in pieces: "un" ~ "til".
const grammar = read("weir.pest");
const pieces = new Set([...list("CLAUSES"), ...list("STEPS"), ...list("INSIDE")]);
for (const word of ours("placed")) assert.ok(pieces.has(word) || grammar.includes(`"${word}"`), `${word} is no word of the grammar`);
const types = fs.readdirSync(lang, { recursive: true }).filter((file) => file.endsWith(".rs")).map(read).join("");
for (const word of ours("types")) assert.ok(types.includes(`"${word}"`), `${word} is no type`);

const plain = (html) =>
  html.replace(/<[^>]*>/g, "").replace(/&quot;/g, '"').replace(/&#x27;/g, "'")
    .replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
const highlighted = (text) => hljs.highlight("flow", text, false);
const has = (text, kind, word) =>
  assert.ok(highlighted(text).value.includes(`<span class="hljs-${kind}">${word}</span>`), `${word} is no ${kind}: ${highlighted(text).value}`);
const not = (text, word) =>
  assert.ok(!highlighted(text).value.includes(`>${word}</span>`), `${word}: ${highlighted(text).value}`);

has("saga pay() can bank.write {", "keyword", "saga");
has("saga pay() can bank.write {", "keyword", "can");
has("  return xs", "keyword", "return");
has("    undo crm.delete(id: it.id)", "keyword", "undo");
has("p = pay(x) final", "keyword", "final");
has("key \"a\"", "keyword", "key");
has("type A = { at: time }", "built_in", "time");
has("type Lead = { a: int }", "type", "Lead");
has("x = null", "literal", "null");
has("wait 1h30m", "number", "1h30m");
has("a / b // all of it", "comment", "// all of it");
has("x matches /[a-z]+/", "regexp", "/[a-z]+/");
has("\"Hello, {name}\"", "subst", "{name}");
not("f(key: 1, until: 2)", "key");
not("limit = 2", "limit");
not("x.tools", "tools");
not("date: 3", "date");
not("sagas = 1", "saga");

let blocks = 0;
const walk = (folder) => fs.readdirSync(folder, { withFileTypes: true }).forEach((entry) => {
  const file = path.join(folder, entry.name);
  if (entry.isDirectory()) return walk(file);
  if (!entry.name.endsWith(".md")) return;
  for (const [, text] of fs.readFileSync(file, "utf8").matchAll(/^```flow\n([\s\S]*?)^```/gm)) {
    const { value, illegal } = highlighted(text);
    assert.ok(!illegal, `${file}: stops at\n${text}`);
    assert.strictEqual(plain(value), text, `${file}: changed`);
    blocks += 1;
  }
});
walk(path.join(book, "src"));
assert.ok(blocks > 100, `${blocks} blocks only`);
console.log(`${blocks} flow blocks are highlighted`);
