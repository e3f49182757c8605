// Calling the `weir` program.

const { execFile } = require('node:child_process');
const path = require('node:path');
const vscode = require('vscode');

/** What it prints; rejects with what it says on stderr. */
function output(program, args, file) {
  return new Promise((resolve, reject) => {
    const options = { cwd: path.dirname(file), maxBuffer: 64 << 20, timeout: 30_000, env: { ...process.env, NO_COLOR: '1' } };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr.trim() || error.message));
      else resolve(stdout);
    });
  });
}

/** The JSON that it prints, also where its exit code says that something is wrong. */
function json(program, args, file) {
  return new Promise((resolve, reject) => {
    const options = { cwd: path.dirname(file), maxBuffer: 256 << 20, timeout: 300_000, env: { ...process.env, NO_COLOR: '1' } };
    execFile(program, args, options, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout));
      } catch {
        reject(new Error(stderr.trim() || error?.message || 'it printed no JSON'));
      }
    });
  });
}

/** Runs it where the reader sees it; arguments go as a list, never through a shell's quoting. */
async function inTerminal(program, args, file) {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file));
  const task = new vscode.Task(
    { type: 'weir', args }, folder ?? vscode.TaskScope.Workspace, args.join(' '), 'weir',
    new vscode.ProcessExecution(program, args, { cwd: path.dirname(file) }),
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: true };
  await vscode.tasks.executeTask(task);
}

/** The name by which the command line knows a flow. */
const targetOf = flow => `${flow.path}:${flow.name}`;

/** Text that cannot leave its place in a page. */
const escaped = text => String(text).replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);

module.exports = { weir: { output, json, inTerminal, targetOf }, escaped };
