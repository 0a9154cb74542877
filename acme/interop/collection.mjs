// Starts an Acme sandbox on a port and data of its own, and runs docs/acme.postman_collection.json against it.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import newman from 'newman';

const root = fileURLToPath(new URL('../../', import.meta.url));
const deadline = 60_000;

const freePort = () => new Promise((resolve, reject) => {
  const server = createServer();
  server.on('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

// until asks again until there is an answer, because the sandbox makes its data first.
async function until(url) {
  for (const end = Date.now() + deadline; ;) {
    try {
      const answer = await fetch(url);
      if (answer.ok) return answer;
    } catch { /* it does not listen yet */ }
    if (Date.now() > end) throw new Error(`${url} did not answer within ${deadline / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const run = (options) => new Promise((resolve, reject) => {
  newman.run(options, (failed, summary) => (failed ? reject(failed) : resolve(summary)));
});

const data = await mkdtemp(join(tmpdir(), 'acmesync-interop-'));
const port = await freePort();
const sandbox = spawn(join(root, 'bin/sandbox'), ['acme', '--addr', `127.0.0.1:${port}`, '--data', data], { stdio: ['ignore', 'ignore', 'inherit'] });
sandbox.on('error', (failed) => {
  console.error(`the sandbox does not start (${failed.message}): run make build`);
  process.exit(1);
});
const gone = new Promise((resolve) => sandbox.on('exit', resolve));
try {
  const baseUrl = `http://127.0.0.1:${port}`;
  await until(`${baseUrl}/healthz`);
  const { accounts } = await (await until(`${baseUrl}/admin/accounts`)).json();
  const summary = await run({
    collection: join(root, 'docs/acme.postman_collection.json'),
    reporters: [],
    timeoutRequest: 10_000,
    envVar: [
      { key: 'baseUrl', value: baseUrl },
      { key: 'apiKey', value: accounts[0].api_key },
      { key: 'hookUrl', value: 'http://127.0.0.1:9/acme' },
    ],
  });
  const { requests, assertions } = summary.run.stats;
  for (const one of summary.run.failures) {
    console.error(`${one.source?.name ?? 'collection'}: ${one.error.test ?? ''} ${one.error.message}`);
  }
  console.log(`${requests.total} requests, ${assertions.total} checks, ${summary.run.failures.length} failures`);
  if (summary.run.failures.length > 0 || assertions.total === 0) process.exitCode = 1;
} finally {
  sandbox.kill('SIGTERM');
  await gone;
  await rm(data, { recursive: true, force: true });
}
