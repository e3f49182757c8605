// The grammar under the real TextMate engine: what it colours is held, letter by letter, against what the tree-sitter
// grammar says of the same text (which in turn is held against the compiler's), and against kept scopes for one file.

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const oniguruma = require('vscode-oniguruma');
const { INITIAL, Registry } = require('vscode-textmate');

const root = path.join(__dirname, '../../..');
const treeSitter = path.join(root, '.tools/bin/tree-sitter');

async function grammar() {
  const wasm = fs.readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const registry = new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: patterns => new oniguruma.OnigScanner(patterns),
      createOnigString: text => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => JSON.parse(fs.readFileSync(path.join(__dirname, '../syntaxes/flow.tmLanguage.json'), 'utf8')),
  });
  return registry.loadGrammar('source.flow');
}
const loaded = grammar();

/** Every token of a text: line, first and last column, scopes. */
async function tokens(text) {
  const rules = await loaded;
  const found = [];
  let stack = INITIAL;
  text.split('\n').forEach((line, row) => {
    const result = rules.tokenizeLine(line, stack);
    stack = result.ruleStack;
    for (const token of result.tokens) {
      found.push({ row, start: token.startIndex, end: Math.min(token.endIndex, line.length), scopes: token.scopes.slice(1) });
    }
  });
  return found;
}

/** What a reader sees: the class of colour that a token's scopes give. */
function seen(scopes) {
  const inside = scopes.slice(scopes.lastIndexOf('meta.embedded.expression.flow') + 1);
  const last = inside.filter(scope => !scope.startsWith('meta.') && !scope.startsWith('source.')).at(-1) ?? '';
  const classes = [
    ['comment', 'comment'], ['constant.character', 'escape'], ['string.regexp', 'regex'], ['string', 'string'],
    ['punctuation.definition.string', 'string'], ['constant.numeric', 'number'], ['constant.language', 'constant'],
    ['keyword.operator.word', 'keyword'], ['keyword.operator.cast', 'keyword'], ['keyword.operator', 'sign'],
    ['keyword', 'keyword'], ['storage', 'keyword'], ['entity.name.function', 'function'], ['entity.name.type', 'type'],
    ['support.type', 'type'], ['constant.other.capability', 'capability'],
  ];
  return classes.find(([prefix]) => last.startsWith(prefix))?.[1] ?? 'other';
}

const CAPTURES = {
  comment: 'comment', 'comment.documentation': 'comment', 'string.escape': 'escape', 'string.regexp': 'regex',
  number: 'number', boolean: 'constant', type: 'type', 'type.builtin': 'type', 'type.definition': 'type',
  'function.call': 'function', function: 'function',
};

/** The same from tree-sitter: class by place, for what is one colour there without doubt. */
function expected(file) {
  const query = path.join(root, 'editors/tree-sitter-flow/queries/highlights.scm');
  const cwd = path.join(root, 'editors/tree-sitter-flow');
  const out = execFileSync(treeSitter, ['query', query, file], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const found = new Map();
  for (const match of out.matchAll(/capture: (?:\d+ - )?([\w.]+), start: \((\d+), (\d+)\), end: \((\d+), (\d+)\)/g)) {
    const [, name, row, start, endRow, end] = match;
    const kind = name.startsWith('keyword') ? 'keyword' : CAPTURES[name];
    if (kind && row === endRow) found.set(`${row}:${start}`, { kind, row: +row, start: +start, end: +end });
  }
  return [...found.values()];
}

function flowFiles() {
  const places = ['examples', 'tests/corpus/parse', 'tests/run', 'tests/check/accept'].map(place => path.join(root, place));
  return places.flatMap(place => fs.readdirSync(place, { recursive: true })
    .filter(name => name.endsWith('.flow'))
    .map(name => path.join(place, name)));
}

test('both editors\' grammars colour the same', { skip: !fs.existsSync(treeSitter) && 'tree-sitter is not installed' }, async () => {
  let compared = 0;
  const wrong = [];
  for (const file of flowFiles()) {
    const text = fs.readFileSync(file, 'utf8');
    const lines = text.split('\n');
    const ours = await tokens(text);
    for (const want of expected(file)) {
      // Columns are bytes in tree-sitter, UTF-16 units here: lines beyond ASCII are left out.
      if (/[^\x00-\x7f]/.test(lines[want.row])) continue;
      const covering = ours.filter(token => token.row === want.row && token.end > want.start && token.start < want.end)
        .filter(token => !/^[\s.,`]*$/.test(lines[want.row].slice(token.start, token.end)));
      compared += 1;
      for (const token of covering) {
        const got = seen(token.scopes);
        if (got === want.kind || (want.kind === 'type' && got === 'capability')) continue;
        if (got === 'other' && want.kind === 'function' && token.scopes.at(-1).startsWith('entity.name.namespace')) continue;
        const part = lines[want.row].slice(token.start, token.end);
        wrong.push(`${path.relative(root, file)}:${want.row + 1}: \`${part}\` is ${got}, should be ${want.kind}`);
      }
    }
  }
  console.log(`${compared} places compared, ${wrong.length} differ`);
  assert.ok(compared > 2000, `only ${compared} places were compared`);
  assert.strictEqual(wrong.length, 0, wrong.slice(0, 40).join('\n'));
});

test('the scopes of the first look are the kept ones', async () => {
  const text = fs.readFileSync(path.join(root, 'tests/corpus/parse/language_first_look.flow'), 'utf8');
  const lines = text.split('\n');
  const shown = (await tokens(text))
    .filter(token => lines[token.row].slice(token.start, token.end).trim())
    .map(token => `${token.row + 1}: ${JSON.stringify(lines[token.row].slice(token.start, token.end))} ${token.scopes.join(' ')}`)
    .join('\n') + '\n';
  const kept = path.join(__dirname, 'first_look.scopes');
  if (process.env.WEIR_BLESS) fs.writeFileSync(kept, shown);
  assert.strictEqual(shown, fs.readFileSync(kept, 'utf8'));
});

test('no line takes the engine long', async () => {
  const rules = await loaded;
  for (const line of ['"'.repeat(5000), '{'.repeat(5000), 'a.'.repeat(5000), '('.repeat(5000), '/'.repeat(5000), 'as '.repeat(3000)]) {
    const result = rules.tokenizeLine(line, INITIAL, 2000);
    assert.ok(!result.stoppedEarly, `a line of ${line.slice(0, 4)}… was given up`);
  }
});
