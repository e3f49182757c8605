// A form made from a flow's parameters; what it gives goes to `weir run --input`.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const vscode = require('vscode');
const { escaped, weir } = require('./weir');

class RunForm {
  constructor(program) {
    this.program = program;
  }

  async show(flow, flags) {
    if (!flow) return;
    let drawn;
    try {
      drawn = JSON.parse(await weir.output(this.program(), ['graph', weir.targetOf(flow), '--format', 'json'], flow.path));
    } catch (error) {
      vscode.window.showErrorMessage(`${flow.name} cannot run yet: ${error.message.split('\n')[0]}`);
      return;
    }
    const params = drawn.flows[0].params;
    if (params.length === 0) {
      await this.run(flow, flags, {});
      return;
    }
    const panel = vscode.window.createWebviewPanel('weir.run', `Run ${flow.name}`, vscode.ViewColumn.Beside, { enableScripts: true });
    panel.webview.html = page(drawn.flows[0], params);
    panel.webview.onDidReceiveMessage(async input => {
      panel.dispose();
      await this.run(flow, flags, input);
    });
  }

  async run(flow, flags, input) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-'));
    const file = path.join(folder, 'input.json');
    fs.writeFileSync(file, JSON.stringify(input), { mode: 0o600 });
    await weir.inTerminal(this.program(), ['run', weir.targetOf(flow), ...flags, '--input', file], flow.path);
  }
}

/** How a parameter is asked for: by its type in Weir's notation. */
function field({ name, type, optional }) {
  const base = type.replace(/\s+(in|matching)\s.*$/, '').replace(/\?$/, '').replace(/^(trusted|untrusted|secret) /, '');
  const need = optional || type.endsWith('?') ? '' : 'required';
  const common = `name="${escaped(name)}"`;
  const choices = base.split(' | ').filter(one => /^"[^"]*"$/.test(one));
  if (choices.length > 1 && choices.length === base.split(' | ').length) {
    const options = choices.map(one => `<option>${escaped(JSON.parse(one))}</option>`).join('');
    return `<select ${common} data-kind="text">${options}</select>`;
  }
  if (base === 'bool') return `<input type="checkbox" ${common} data-kind="bool">`;
  if (base === 'int' || base === 'number') return `<input type="number" step="any" ${common} data-kind="number" ${need}>`;
  if (['string', 'time', 'date', 'duration', 'decimal'].includes(base)) return `<input ${common} data-kind="text" ${need}>`;
  return `<textarea rows="4" placeholder="JSON" ${common} data-kind="json" ${need}></textarea>`;
}

function page(flow, params) {
  const nonce = Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2);
  const rows = params.map(param => `<label>${escaped(param.name)} <small>${escaped(param.type)}</small>${field(param)}</label>`);
  return `<!doctype html><html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'">
<style>label{display:block;margin:12px 0}small{opacity:.7}input:not([type=checkbox]),textarea,select{display:block;width:100%;box-sizing:border-box;
background:var(--vscode-input-background);color:var(--vscode-input-foreground);border:1px solid var(--vscode-input-border,#8888);padding:4px}
button{background:var(--vscode-button-background);color:var(--vscode-button-foreground);border:0;padding:6px 16px}</style></head>
<body><h3>${escaped(flow.signature)}</h3><form>${rows.join('')}<p id="wrong" role="alert"></p><button>Run</button></form>
<script nonce="${nonce}">
const host = acquireVsCodeApi();
document.querySelector('form').addEventListener('submit', event => {
  event.preventDefault();
  const input = {};
  for (const one of event.target.elements) {
    if (!one.name) continue;
    const kind = one.dataset.kind;
    if (kind === 'bool') { input[one.name] = one.checked; continue; }
    if (one.value === '' && !one.required) continue;
    if (kind === 'text') input[one.name] = one.value;
    else if (kind === 'number') input[one.name] = Number(one.value);
    else try { input[one.name] = JSON.parse(one.value); } catch (error) {
      document.querySelector('#wrong').textContent = one.name + ': ' + error.message;
      return;
    }
  }
  host.postMessage(input);
});
</script></body></html>`;
}

module.exports = { RunForm };
