import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { LAYOUT_64 } from '../../src/format/format.js';
import { build, specFor } from '../build/build.js';
import { BIN, INSTALLED } from '../tools/cli.js';
import { sample, SWEEP } from '../tools/effort.js';
import { fixture } from '../tools/fixtures.js';
import { temporaryFolder } from '../tools/folder.js';
import { until } from '../tools/until.js';

/*
 * Memory of the processes that stay beside a service: a Raspberry Pi gives a container 256 MiB for everything.
 */

const SKIP = process.platform === 'linux' ? false : 'memory is read from /proc, which only Linux has';
/** MiB. */
const IDLE_LIMIT = 68;
const LOOK_LIMIT = 96;
const LOOKS = SWEEP ? 20 : 4;
const PROGRAMS = { 'the package': INSTALLED, 'the one file': BIN };

/** The peak and the present memory of a process in MiB; undefined once it is gone. */
async function memory(pid: number): Promise<{ most: number; now: number } | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1]);
  const [most, now] = [kib('VmHWM') / 1024, kib('VmRSS') / 1024];
  return Number.isNaN(most) ? undefined : { most, now };
}

async function database(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'state.db');
  await copyFile(fixture('amd64.db'), path);
  return path;
}

for (const [which, program] of sample(Object.entries(PROGRAMS), 1)) {
  for (const command of ['watch', 'guard'] as const) {
    test(
      `${command} of ${which} holds at most ${IDLE_LIMIT} MiB, however often it has looked`,
      { skip: SKIP },
      async (t) => {
        const path = await database(t);
        const metrics = `${path}.prom`;
        const behind =
          command === 'guard' ? ['--', process.execPath, '-e', 'setInterval(() => {}, 1e3)'] : [];
        const args = [command, path, '--interval=0.05', `--metrics-file=${metrics}`, ...behind];
        const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' });
        t.after(() => child.kill('SIGTERM'));
        await until(`${LOOKS} looks`, async () => {
          // A new time makes the next look read the file again.
          await utimes(path, new Date(), new Date());
          const [, looks] = /^gdbm_doctor_checks_total\{.*\} (\d+)$/m.exec(await readFile(metrics, 'utf8'))!;
          return Number(looks) >= LOOKS;
        });
        const { most, now } = (await memory(child.pid!))!;
        t.diagnostic(`${most.toFixed(1)} MiB at most, ${now.toFixed(1)} MiB now`);
        assert.ok(now <= IDLE_LIMIT, `${now} MiB`);
      },
    );
  }
}

/** A database like Flower's with a pickle of many texts of this total size. */
async function largeShelf(size: number): Promise<Uint8Array> {
  const text = Buffer.concat([Buffer.from([0x58, 200, 0, 0, 0]), Buffer.alloc(200, 'x')]);
  const texts = Buffer.concat(Array.from({ length: Math.ceil(size / text.length) }, () => text));
  // PROTO 2, a class called with nothing, and a list of the texts as its state.
  const head = Buffer.from([0x80, 2, ...Buffer.from('cmod\nState\n)'), 0x81, ...Buffer.from('](')]);
  const value = Buffer.concat([head, texts, Buffer.from('eb.')]);
  const format = { byteOrder: 'little', layout: LAYOUT_64, variant: 'standard' } as const;
  return (await build([{ key: Buffer.from('events'), value }], specFor(format, 4096))).bytes;
}

test(
  `a look at a Flower's shelf of 100 MiB, with a snapshot of it, takes less than ${LOOK_LIMIT} MiB`,
  { skip: SKIP },
  async (t) => {
    const path = join(await temporaryFolder(t), 'flower');
    await writeFile(path, await largeShelf(100 << 20));
    const child = spawn(process.execPath, [INSTALLED, 'look', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    let running = true;
    child.once('close', () => (running = false));
    let most = 0;
    // Poll the peak that the kernel records until the process is gone.
    await until('the look ends', async () => {
      for (let n = 0; n < 20 && running; n++) most = Math.max(most, (await memory(child.pid!))?.most ?? 0);
      return !running;
    });
    const look = JSON.parse(said) as { verdict: string; profile: string; snapshot: { taken: boolean } };
    assert.deepEqual([look.verdict, look.profile, look.snapshot.taken], ['clean', 'flower', true], said);
    t.diagnostic(`${most.toFixed(1)} MiB at most`);
    assert.ok(most > 30 && most < LOOK_LIMIT, `${most} MiB`);
  },
);
