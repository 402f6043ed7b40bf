import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { assertAccepted } from './accepted.js';
import { deployed, yamlOf } from './files.js';
import { argumentsOf } from './lines.js';
import { memoryFor } from './memory.js';

interface Service {
  build: { context: string; dockerfile: string };
  entrypoint?: string[];
  command: string[];
  init: boolean;
  user: string;
  read_only: boolean;
  mem_limit: string;
  restart: string;
  volumes: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
}
interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

const wordsOf = ({ entrypoint = [], command }: Service) => [...entrypoint, ...command];

for (const [file, own] of [
  ['compose.yaml', ['flower-init', 'flower-watch']],
  ['compose.guard.yaml', ['flower']],
] as const) {
  test(`${file}: every line of ours is accepted`, async () => {
    const { services } = await yamlOf<Compose>(file);
    const found: string[] = [];
    for (const [name, service] of Object.entries(services)) {
      const args = argumentsOf(wordsOf(service));
      if (args === undefined) continue;
      found.push(name);
      await assertAccepted(args, `${file}, ${name}`);
    }
    assert.deepEqual(found.sort(), [...own]);
  });

  test(`${file}: every service is confined, reaped, and builds what is there`, async () => {
    const { services, volumes } = await yamlOf<Compose>(file);
    assert.deepEqual(Object.keys(volumes), ['flower-data']);
    for (const [name, service] of Object.entries(services)) {
      assert.equal(service.init, true, name);
      assert.equal(service.user, '1000:1000', name);
      assert.equal(service.read_only, true, name);
      assert.equal(service.mem_limit, '256m', name);
      if (service.environment !== undefined) {
        assert.ok(memoryFor(service.environment['FLOWER_MAX_TASKS']) <= 256, name);
      }
      assert.equal(service.restart, name === 'flower-init' ? 'no' : 'unless-stopped', name);
      assert.deepEqual(service.volumes, ['flower-data:/data'], name);
      const context = join(dirname(deployed(file)), service.build.context);
      await access(join(context, service.build.dockerfile));
      for (const word of wordsOf(service)) assert.equal(typeof word, 'string', `${name}: ${word}`);
    }
  });

  test(`${file}: Flower has time to save, and the health file that is checked is the one that is written`, async () => {
    const { services } = await yamlOf<Compose>(file);
    assert.equal(services['flower'].stop_grace_period, '60s');
    const writing = Object.values(services).filter((one) =>
      wordsOf(one).some((w) => w.startsWith('--health-file')),
    );
    assert.equal(writing.length, 1);
    const path = wordsOf(writing[0]).find((word) => word.startsWith('--health-file='));
    const check = writing[0].healthcheck?.test.join(' ') ?? '';
    assert.ok(check.includes(` ${path?.slice('--health-file='.length)} `), check);
  });
}

test('compose.yaml: Flower and the watch wait until the first service has completed', async () => {
  const { services } = await yamlOf<Compose>('compose.yaml');
  for (const name of ['flower', 'flower-watch']) {
    assert.deepEqual(services[name].depends_on, {
      'flower-init': { condition: 'service_completed_successfully' },
    });
  }
});
