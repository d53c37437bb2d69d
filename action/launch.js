// Finds the program for this runner and runs it. No dependencies, no logic: everything else is in the program.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.join(__dirname, '..');
const architectures = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le', s390x: 's390x', riscv64: 'riscv64' };

function fail(text) {
  process.stdout.write(`::error::${text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')}\n`);
  process.exit(1);
}

// In a source checkout the program is built with Go. Go's own cache makes the second time fast.
function binary() {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const architecture = architectures[process.arch];
  if (!architecture) fail(`multiarch-action: no program for the architecture ${process.arch} of this runner`);
  if (!fs.existsSync(path.join(root, 'go.mod'))) fail(`multiarch-action: ${root} holds neither a program nor its source; use a released version`);
  const folder = path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'multiarch-action');
  const file = path.join(folder, `multiarch-action-${system}-${architecture}${system === 'windows' ? '.exe' : ''}`);
  fs.mkdirSync(folder, { recursive: true });
  const env = { ...process.env, CGO_ENABLED: '0' };
  const built = spawnSync('go', ['build', '-trimpath', '-o', file, '.'], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (built.error) fail(`multiarch-action: this is a source checkout and Go is not installed (${built.error.message}); use a released version, or actions/setup-go before it`);
  if (built.status !== 0) fail('multiarch-action: building it from source failed; the lines above say why');
  return file;
}

// launch runs one command of the program with this environment, passes signals on, and ends as it ends. An end by a signal is
// never a success.
function launch(args) {
  const child = spawn(binary(), args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`multiarch-action: starting it: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + os.constants.signals[signal] : code));
}

module.exports = { launch };
