// The test view, with an editor that only writes down what it is told.

const { test } = require('node:test');
const assert = require('node:assert');
const Module = require('node:module');

class Items extends Map {
  add(item) { this.set(item.id, item); }
  replace(items) { this.clear(); items.forEach(item => this.add(item)); }
  forEach(see) { super.forEach(item => see(item)); }
}
class Message { constructor(text) { this.message = text; } }
Message.diff = (text, expected, actual) => Object.assign(new Message(text), { expected, actual });

const said = [];
const controller = {
  items: new Items(),
  createRunProfile() {},
  createTestItem: (id, label, uri) => ({ id, label, uri, children: new Items() }),
  createTestRun: () => new Proxy({}, { get: (_, word) => (item, more) => said.push([word, item?.label, more]) }),
};
const vscode = {
  tests: { createTestController: () => controller },
  TestRunProfileKind: { Run: 1 },
  TestMessage: Message,
  Range: class { constructor(...at) { this.at = at; } },
  Location: class { constructor(uri, range) { Object.assign(this, { uri, range }); } },
  Uri: { file: fsPath => ({ fsPath }) },
};
const load = Module._load;
Module._load = (name, ...rest) => name === 'vscode' ? vscode : load(name, ...rest);
const { Tests, testsOf } = require('../src/tests');

const TEXT = 'coordinator main() -> int { return 1 }\ntest "is \\"one\\"" {\n}\n  // test "no"\ntest "is two" {\n}\n';

test('tests are found by their lines', () => {
  assert.deepStrictEqual(testsOf(TEXT).map(({ name, line }) => [name, line]), [['is "one"', 1], ['is two', 4]]);
});

test('results stand at their tests', async () => {
  const told = {
    diagnostics: [],
    tests: [
      { name: 'is "one"', status: 'passed', failures: [] },
      { name: 'is two', status: 'failed', failures: [{ message: 'expected `2`, found `1`', help: null, write: null, expected: 2, actual: 1, file: 'a.flow', line: 5, column: 3, end_line: 5, end_column: 9 }] },
    ],
  };
  const asked = [];
  const tests = new Tests(() => 'weir', async (program, args) => { asked.push([program, ...args]); return told; });
  tests.found({ languageId: 'flow', uri: { fsPath: '/w/a.flow', toString: () => 'file:///w/a.flow' }, getText: () => TEXT });
  await tests.run({}, { isCancellationRequested: false });
  assert.deepStrictEqual(asked, [['weir', 'test', '/w/a.flow', 'is "one"', 'is two', '--format', 'json']]);
  const ended = said.filter(([word]) => ['passed', 'failed', 'errored', 'end'].includes(word));
  assert.deepStrictEqual(ended.map(([word, label]) => [word, label]), [['passed', 'is "one"'], ['failed', 'is two'], ['end', undefined]]);
  const [message] = ended[1][2];
  assert.deepStrictEqual([message.expected, message.actual, message.location.range.at], ['2', '1', [4, 2, 4, 8]]);
});

test('a project with errors says so at each test', async () => {
  said.length = 0;
  const told = { tests: [], diagnostics: [{ severity: 'error', file: 'a.flow', line: 1, message: 'nothing is called `x`' }] };
  const tests = new Tests(() => 'weir', async () => told);
  await tests.run({}, { isCancellationRequested: false });
  const [, , message] = said.find(([word]) => word === 'errored');
  assert.match(message.message, /a.flow:1: nothing is called `x`/);
});
