// Finds the program for this runner, proves that it is the released one, and runs it. No dependencies, no logic: everything else is
// in the program.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.join(__dirname, '..');
const released = path.join(root, 'dist');
const sums = path.join(released, 'SHA256SUMS');
const architectures = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le', s390x: 's390x', riscv64: 'riscv64' };

function fail(text) {
  const message = `multiarch-action: ${text}`.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
  process.stdout.write(`::error::${message}\n`);
  process.exit(1);
}

function programName() {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const architecture = architectures[process.arch];
  if (!architecture) fail(`no program for the architecture ${process.arch} of this runner`);
  return `multiarch-action-${system}-${architecture}${system === 'windows' ? '.exe' : ''}`;
}

function read(file) {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    return fail(`this release is not whole, and nothing was started: ${error.message}`);
  }
}

// A release commit holds the programs and their sums, so that whoever pins the commit pins the program.
function releasedProgram(name) {
  const line = read(sums).toString().split('\n').find((text) => text.slice(64).trim() === name);
  if (!line) fail(`this release has no program for this runner: ${name} is not in ${sums}`);
  const file = path.join(released, name);
  const content = read(file);
  const found = createHash('sha256').update(content).digest('hex');
  if (found !== line.slice(0, 64)) {
    fail(`${file} is not the program that was released: its SHA-256 is ${found}, and ${sums} says ${line.slice(0, 64)}; it was not started`);
  }
  return file;
}

// In a source checkout the program is built with Go. Go's own cache makes the second time fast.
function builtProgram(name) {
  if (!fs.existsSync(path.join(root, 'go.mod'))) fail(`${root} holds neither a program nor its source; use a released version`);
  const folder = path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'multiarch-action');
  const file = path.join(folder, name);
  fs.mkdirSync(folder, { recursive: true });
  const env = { ...process.env, CGO_ENABLED: '0' };
  const built = spawnSync('go', ['build', '-trimpath', '-o', file, '.'], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (built.error) fail(`this is a source checkout and Go is not installed (${built.error.message}); use a released version, or actions/setup-go before it`);
  if (built.status !== 0) fail('building it from source failed; the lines above say why');
  return file;
}

// launch runs one command of the program with this environment, passes signals on, and ends as it ends. An end by a signal is
// never a success.
function launch(args) {
  let child; // a signal that comes before it is there waits for it: handlers run when this function has ended
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const name = programName();
  const file = fs.existsSync(released) ? releasedProgram(name) : builtProgram(name);
  child = spawn(file, args, { stdio: 'inherit' });
  child.on('error', (error) => fail(`starting it: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + os.constants.signals[signal] : code));
}

module.exports = { launch };
