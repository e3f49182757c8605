// The graph beside the text: drawn by `weir graph --format svg`, drawn again when the file is saved; a click on a step goes
// to its line.

const path = require('node:path');
const vscode = require('vscode');
const { escaped, weir } = require('./weir');

class GraphView {
  constructor(program) {
    this.program = program;
  }

  async show(flow) {
    if (!flow) return;
    this.flow = flow;
    if (!this.panel) {
      const options = { enableScripts: true, retainContextWhenHidden: true };
      this.panel = vscode.window.createWebviewPanel('weir.graph', 'Weir graph', { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true }, options);
      this.panel.onDidDispose(() => { this.panel = undefined; });
      this.panel.webview.onDidReceiveMessage(step => this.reveal(step));
    }
    this.panel.title = `Graph: ${flow.name}`;
    await this.draw();
  }

  saved(document) {
    if (this.panel && (document.languageId === 'flow' || path.basename(document.fileName) === 'weir.toml')) this.draw();
  }

  async draw() {
    const { flow } = this;
    let picture;
    try {
      picture = await weir.output(this.program(), ['graph', weir.targetOf(flow), '--format', 'svg'], flow.path);
    } catch (error) {
      picture = `<pre>${escaped(error.message)}</pre>`;
    }
    if (this.panel && this.flow === flow) this.panel.webview.html = page(picture);
  }

  async reveal({ file, line }) {
    const full = path.resolve(path.dirname(this.flow.path), file);
    const document = await vscode.workspace.openTextDocument(full);
    const at = new vscode.Range(line - 1, 0, line - 1, 0);
    await vscode.window.showTextDocument(document, { selection: at, viewColumn: vscode.ViewColumn.One });
  }

  dispose() {
    this.panel?.dispose();
  }
}

function page(picture) {
  const nonce = Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2);
  return `<!doctype html><html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'">
<style>body{margin:8px;background:var(--vscode-editor-background);color:var(--vscode-editor-foreground)}
[data-line]{cursor:pointer}[data-line]:hover rect{stroke-width:2}</style></head><body>${picture}
<script nonce="${nonce}">
const host = acquireVsCodeApi();
document.body.addEventListener('click', event => {
  const step = event.target.closest('[data-line]');
  if (step) host.postMessage({ file: step.dataset.file, line: Number(step.dataset.line) });
});
</script></body></html>`;
}

module.exports = { GraphView };
