// The extension: starts `weir lsp`, and gives its code lenses something to do. Everything about the language is the
// server's; what is drawn comes from `weir graph`, what is run goes through `weir run` in a terminal that stays readable.

const vscode = require('vscode');
const { LanguageClient } = require('vscode-languageclient/node');
const { weir } = require('./weir');
const { GraphView } = require('./graph');
const { RunForm } = require('./form');
const { Tests } = require('./tests');

let client;

async function activate(context) {
  client = new LanguageClient(
    'weir',
    'Weir',
    { command: program(), args: ['lsp'] },
    {
      documentSelector: [{ language: 'flow' }],
      synchronize: {
        fileEvents: vscode.workspace.createFileSystemWatcher('**/{*.flow,weir.toml,weir.lock.json,.mcp.json}'),
      },
    },
  );
  const graph = new GraphView(program);
  const form = new RunForm(program);
  const tests = new Tests(program);
  context.subscriptions.push(
    vscode.commands.registerCommand('weir.run', async target => form.show(await chosen(target), [])),
    vscode.commands.registerCommand('weir.dryRun', async target => form.show(await chosen(target), ['--dry-run'])),
    vscode.commands.registerCommand('weir.graph', async target => graph.show(await chosen(target))),
    vscode.commands.registerCommand('weir.test', target => testInTerminal(target)),
    vscode.commands.registerCommand('weir.restart', () => client.restart()),
    vscode.workspace.onDidSaveTextDocument(document => graph.saved(document)),
    vscode.workspace.onDidOpenTextDocument(document => tests.found(document)),
    vscode.workspace.onDidSaveTextDocument(document => tests.found(document)),
    graph,
    tests,
  );
  vscode.workspace.textDocuments.forEach(document => tests.found(document));
  try {
    await client.start();
  } catch (error) {
    const open = 'Open settings';
    const message = `\`${program()} lsp\` could not be started (${error.message}). Install weir, or set weir.path`;
    if (await vscode.window.showErrorMessage(message, open) === open) {
      vscode.commands.executeCommand('workbench.action.openSettings', 'weir.path');
    }
  }
}

function deactivate() {
  return client?.stop();
}

function program() {
  return vscode.workspace.getConfiguration('weir').get('path') || 'weir';
}

/** The flow that is meant: the code lens's, else one that the reader picks from the open file. */
async function chosen(target) {
  if (target?.name) return target;
  const document = vscode.window.activeTextEditor?.document;
  if (document?.languageId !== 'flow') return undefined;
  await document.save();
  const symbols = await vscode.commands.executeCommand('vscode.executeDocumentSymbolProvider', document.uri) ?? [];
  const flows = symbols.filter(symbol => symbol.kind === vscode.SymbolKind.Function).map(symbol => symbol.name);
  const name = flows.length < 2 ? flows[0] : await vscode.window.showQuickPick(flows, { title: 'Which flow?' });
  return name && { name, path: document.uri.fsPath };
}

/** The test of a code lens; without one, those of the open file. */
async function testInTerminal(target) {
  const document = vscode.window.activeTextEditor?.document;
  if (document?.languageId === 'flow') await document.save();
  const file = target?.path ?? (document?.languageId === 'flow' ? document.uri.fsPath : undefined);
  if (file) return inTerminal(target?.args ?? ['test', file], file);
}

function inTerminal(args, file) {
  return weir.inTerminal(program(), args, file);
}

module.exports = { activate, deactivate };
