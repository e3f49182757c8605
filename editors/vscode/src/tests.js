// VS Code's test view: the tests of the flow files that are open or in the workspace, carried out by `weir test`.

const path = require('node:path');
const vscode = require('vscode');
const { weir } = require('./weir');

/** A test's name in a line of a flow file. */
const TEST = /^test\s+"((?:[^"\\]|\\.)*)"/;

/** The tests of a text: name and line, from 0. */
function testsOf(text) {
  const found = [];
  text.split('\n').forEach((line, at) => {
    const name = TEST.exec(line)?.[1];
    if (name !== undefined) found.push({ name: name.replace(/\\(["\\{])/g, '$1'), line: at, end: line.length });
  });
  return found;
}

class Tests {
  /** `ask` gives what `weir test --format json` prints. */
  constructor(program, ask = weir.json) {
    this.program = program;
    this.ask = ask;
    this.controller = vscode.tests.createTestController('weir', 'Weir');
    this.controller.resolveHandler = item => item ? undefined : this.findAll();
    this.controller.refreshHandler = () => this.findAll();
    const run = (request, token) => this.run(request, token);
    this.controller.createRunProfile('Run', vscode.TestRunProfileKind.Run, run, true);
  }

  async findAll() {
    for (const uri of await vscode.workspace.findFiles('**/*.flow')) {
      this.found(await vscode.workspace.openTextDocument(uri));
    }
  }

  /** A file as it is now. */
  found(document) {
    if (document.languageId !== 'flow') return;
    const { uri } = document;
    const tests = testsOf(document.getText());
    if (tests.length === 0) return this.controller.items.delete(uri.toString());
    const file = this.controller.items.get(uri.toString())
      ?? this.controller.createTestItem(uri.toString(), path.basename(uri.fsPath), uri);
    file.children.replace(tests.map((test, at) => {
      const item = this.controller.createTestItem(`${at}:${test.name}`, test.name, uri);
      item.range = new vscode.Range(test.line, 0, test.line, test.end);
      return item;
    }));
    this.controller.items.add(file);
  }

  async run(request, token) {
    const run = this.controller.createTestRun(request);
    const wanted = new Map();
    const add = item => {
      if (request.exclude?.includes(item)) return;
      if (item.children.size > 0) return item.children.forEach(add);
      const file = item.uri.fsPath;
      wanted.set(file, [...(wanted.get(file) ?? []), item]);
      run.enqueued(item);
    };
    if (request.include) request.include.forEach(add);
    else this.controller.items.forEach(add);
    for (const [file, items] of wanted) {
      if (token.isCancellationRequested) break;
      items.forEach(item => run.started(item));
      await this.carryOut(run, file, items);
    }
    run.end();
  }

  async carryOut(run, file, items) {
    let told;
    try {
      told = await this.ask(this.program(), ['test', file, ...items.map(item => item.label), '--format', 'json'], file);
    } catch (error) {
      return items.forEach(item => run.errored(item, new vscode.TestMessage(error.message)));
    }
    const broken = told.diagnostics.filter(one => one.severity === 'error').map(one => `${one.file}:${one.line}: ${one.message}`);
    for (const item of items) {
      const result = told.tests.find(test => test.name === item.label);
      if (!result) run.errored(item, new vscode.TestMessage(broken.join('\n') || 'weir knows no such test'));
      else if (result.status === 'passed') run.passed(item);
      else run.failed(item, result.failures.map(failure => message(failure, path.dirname(file))));
    }
  }

  dispose() {
    this.controller.dispose();
  }
}

/** What VS Code shows beside the line, with both values side by side. */
function message(failure, folder) {
  const text = [failure.message, failure.write && `write: ${failure.write}`, failure.help].filter(Boolean).join('\n');
  const shown = value => JSON.stringify(value, null, 2);
  const both = failure.expected !== null && failure.actual !== null;
  const told = both ? vscode.TestMessage.diff(text, shown(failure.expected), shown(failure.actual)) : new vscode.TestMessage(text);
  const range = new vscode.Range(failure.line - 1, failure.column - 1, failure.end_line - 1, failure.end_column - 1);
  told.location = new vscode.Location(vscode.Uri.file(path.resolve(folder, failure.file)), range);
  return told;
}

module.exports = { Tests, testsOf };
