// One sitting in a real VS Code: code-server with our extension, driven through Chromium. What is seen is held against
// what should be there, and kept as pictures in target/vscode/.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');
const tools = path.join(root, '.tools/code-server');
const { chromium } = createRequire(path.join(tools, 'package.json'))('playwright-core');
const pictures = path.join(root, 'target/vscode');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-vscode-'));
const project = path.join(home, 'project');
const places = ['--user-data-dir', path.join(home, 'data'), '--extensions-dir', path.join(home, 'extensions')];
const entry = path.join(tools, 'node_modules/code-server/out/node/entry.js');
const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: path.join(home, 'config'), XDG_DATA_HOME: path.join(home, 'share') };

function prepare() {
  fs.mkdirSync(pictures, { recursive: true });
  fs.cpSync(path.join(root, 'examples/quickstart'), project, { recursive: true });
  const settings = {
    'weir.path': process.env.WEIR, 'security.workspace.trust.enabled': false, 'workbench.startupEditor': 'none',
    'terminal.integrated.gpuAcceleration': 'off', 'workbench.colorTheme': 'Default Light Modern',
  };
  // The program's path belongs to the machine, everything else to the person.
  for (const whose of ['User', 'Machine']) {
    fs.mkdirSync(path.join(home, 'data', whose), { recursive: true });
    fs.writeFileSync(path.join(home, 'data', whose, 'settings.json'), JSON.stringify(settings));
  }
  const vsix = path.join(root, 'editors/vscode/dist/weir.vsix');
  execFileSync(process.execPath, [entry, ...places, '--install-extension', vsix], { env, stdio: 'ignore' });
}

function freePort() {
  return new Promise(resolve => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function reachable(url) {
  for (let tries = 0; tries < 120; tries++) {
    if (await fetch(url).then(answer => answer.ok, () => false)) return;
    await new Promise(resolve => setTimeout(resolve, 500));
  }
  throw new Error('code-server does not answer');
}

/** Waits until `look` gives something. */
async function until(what, look) {
  for (let tries = 0; tries < 120; tries++) {
    const seen = await look();
    if (seen) return seen;
    await new Promise(resolve => setTimeout(resolve, 250));
  }
  throw new Error(`never seen: ${what}`);
}

async function session(page) {
  const shoot = name => page.screenshot({ path: path.join(pictures, `${name}.png`) });
  const keys = async (...all) => { for (const key of all) await page.keyboard.press(key); };
  const goto = async place => {
    await keys('Control+g');
    await page.waitForSelector('.quick-input-widget input');
    await page.keyboard.type(place);
    await keys('Enter');
    await page.waitForTimeout(300);
  };
  const errors = () => page.locator('.squiggly-error').count();
  const lens = text => page.locator('.codelens-decoration a', { hasText: new RegExp(`^${text}$`) }).first();
  const inFrames = async selector => {
    for (const frame of page.frames()) {
      if (await frame.locator(selector).count().catch(() => 0)) return frame;
    }
  };

  await page.waitForSelector('.codelens-decoration', { timeout: 90_000 });
  await shoot('1-open');
  assert.equal(await errors(), 0, 'the example has no errors');
  const colours = await page.locator('.view-line span[class^="mtk"]').evaluateAll(all => new Set(all.map(one => one.className)).size);
  assert.ok(colours >= 5, `words have colours: ${colours}`);
  await until('inlay hints', () => page.locator('.view-line', { hasText: 'found: { value: untrusted json }' }).count());

  await page.locator('.view-line').first().click();
  await goto('33:40');
  await page.keyboard.type('zz');
  await until('the error while typing', errors);
  await keys('F8');
  const told = await until('what the error says', () => page.locator('.zone-widget').allInnerTexts().then(all => all.join(' ')));
  assert.match(told.replace(/\s+/g, ' '), /nothing here is called `zzf`/);
  await shoot('2-error');
  await keys('Escape', 'Control+z', 'Control+z');
  await until('no error again', async () => (await errors()) === 0);

  await goto('30:25');
  await keys('Control+Space');
  const offered = await until('completion', () => page.locator('.suggest-widget .monaco-list-row').allInnerTexts().then(all => all.join(' ')));
  assert.match(offered, /collection/);
  await shoot('3-completion');
  await keys('Escape');

  await lens('graph').click();
  const drawn = await until('the graph', () => inFrames('svg'));
  assert.match(await drawn.locator('svg').first().innerHTML(), /with_firm/);
  await shoot('4-graph');

  await lens('run').click();
  const form = await until('the form', () => inFrames('form'));
  assert.deepEqual(await form.locator('form [name]').evaluateAll(all => all.map(one => one.name)), ['contacts', 'firms']);
  await form.locator('[name=contacts]').fill('[]');
  await form.locator('[name=firms]').fill('[]');
  await shoot('5-form');
  await form.locator('button').click();
  await until('the run in the terminal', () =>
    page.locator('.xterm-rows').allInnerTexts().then(all => /"records": \[\]/.test(all.join(' ').replace(/\u00a0/g, ' '))));
  await shoot('6-run');

  await page.locator('.monaco-list-row', { hasText: 'tests.flow' }).first().dblclick();
  await until('lenses of tests', () => lens('run test').count());
  await lens('run test').click();
  await until('the test in the terminal', () =>
    page.locator('.xterm-rows').allInnerTexts().then(all => /1 passed/.test(all.join(' ').replace(/\u00a0/g, ' '))));
  await page.locator('.testing-run-glyph').first().click();
  await until('a test that has passed', () => page.locator('.codicon-testing-passed-icon').count());
  await shoot('7-tests');
}

prepare();
const port = await freePort();
const url = `http://127.0.0.1:${port}/`;
const server = spawn(process.execPath, [entry, ...places, '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, project], { env, stdio: 'ignore', detached: true });
let browser;
try {
  await reachable(url);
  browser = await chromium.launch({ executablePath: process.env.BROWSER, args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1500, height: 900 } });
  const file = `vscode-remote://127.0.0.1:${port}${project}/flows/main.flow`;
  const open = encodeURIComponent(JSON.stringify([['openFile', file]]));
  await page.goto(`${url}?folder=${project}&payload=${open}`);
  try {
    await session(page);
  } catch (error) {
    await page.screenshot({ path: path.join(pictures, 'failed.png') });
    throw error;
  }
  console.log('a real VS Code: opened, coloured, checked, completed, drawn, run; pictures in target/vscode/');
} finally {
  await browser?.close();
  process.kill(-server.pid);
  fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}
