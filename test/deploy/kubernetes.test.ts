import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { BIN } from '../tools/cli.js';
import { temporaryFolder } from '../tools/folder.js';
import { testWith } from '../tools/needs.js';
import { assertAccepted } from './accepted.js';
import { yamlOf } from './files.js';
import { argumentsOf } from './lines.js';
import { memoryFor } from './memory.js';

interface Container {
  name: string;
  command: string[];
  image: string;
  args?: string[];
  env?: { name: string; value?: string }[];
  restartPolicy?: string;
  resources: { limits: { memory: string } };
  securityContext: { readOnlyRootFilesystem: boolean; allowPrivilegeEscalation: boolean };
  volumeMounts: { name: string }[];
}
interface Deployment {
  kind: string;
  spec: {
    replicas: number;
    strategy: { type: string };
    selector: { matchLabels: object };
    template: {
      metadata: { labels: object };
      spec: {
        shareProcessNamespace?: boolean;
        terminationGracePeriodSeconds: number;
        securityContext: { runAsUser: number; runAsNonRoot: boolean; fsGroup: number };
        initContainers?: Container[];
        containers: Container[];
        volumes: { name: string; persistentVolumeClaim?: { claimName: string } }[];
      };
    };
  };
}

const FILES = { 'kubernetes/sidecar.yaml': ['repair', 'watch'], 'kubernetes/guard.yaml': ['flower'] };

for (const [file, own] of Object.entries(FILES)) {
  test(`${file}: every line of ours is accepted`, async () => {
    const { spec } = (await yamlOf<Deployment>(file)).spec.template;
    const found: string[] = [];
    const containers = [...(spec.initContainers ?? []), ...spec.containers].filter(
      ({ name }) => name !== 'unpack',
    );
    for (const { name, command, args = [] } of containers) {
      const words = argumentsOf([...command, ...args]);
      if (words === undefined) continue;
      found.push(name);
      await assertAccepted(words, `${file}, ${name}`);
    }
    assert.deepEqual(found, own);
  });

  test(`${file}: one confined writer that has time to save`, async () => {
    const { kind, spec } = await yamlOf<Deployment>(file);
    assert.equal(kind, 'Deployment');
    assert.deepEqual([spec.replicas, spec.strategy.type], [1, 'Recreate']);
    assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels);
    const pod = spec.template.spec;
    assert.equal(pod.terminationGracePeriodSeconds, 60);
    const { runAsUser, fsGroup, runAsNonRoot } = pod.securityContext;
    assert.deepEqual([runAsUser, fsGroup, runAsNonRoot], [1000, 1000, true]);
    const volumes = pod.volumes.map(({ name }) => name);
    for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
      assert.equal(container.resources.limits.memory, '256Mi');
      assert.match(container.image, /^(node:24-alpine|mher\/flower:2\.0\.1|flower-gdbm-doctor)$/);
      const { value } = container.env?.find(({ name }) => name === 'FLOWER_MAX_TASKS') ?? {};
      if (container.name === 'flower') assert.ok(memoryFor(value) <= 256);
      assert.equal(container.securityContext.readOnlyRootFilesystem, true);
      assert.equal(container.securityContext.allowPrivilegeEscalation, false);
      for (const { name } of container.volumeMounts) assert.ok(volumes.includes(name), name);
    }
    const claim = await yamlOf<{ metadata: { name: string } }>('kubernetes/volume.yaml');
    assert.ok(
      pod.volumes.some((one) => one.persistentVolumeClaim?.claimName === claim.metadata.name),
      'the volume is the one of volume.yaml',
    );
  });
}

test('the watch is a native sidecar, the repair is not', async () => {
  const { spec } = (await yamlOf<Deployment>('kubernetes/sidecar.yaml')).spec.template;
  assert.deepEqual(
    spec.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
    [
      ['unpack', undefined],
      ['repair', undefined],
      ['watch', 'Always'],
    ],
  );
});

test('where the guard is the first process, the pod reaps for it', async () => {
  const { spec } = (await yamlOf<Deployment>('kubernetes/guard.yaml')).spec.template;
  assert.equal(spec.shareProcessNamespace, true);
});

/** Bytes that the data of a ConfigMap may have together. */
const CONFIG_MAP = 1 << 20;

test('the packed program fits a ConfigMap, with as much room again', async () => {
  const packed = gzipSync(await readFile(BIN), { level: 9 }).length;
  assert.ok(packed <= CONFIG_MAP / 2, `${packed} of ${CONFIG_MAP} bytes`);
});

testWith('gzip', 'the line of the init container unpacks the program', async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ['packed', 'program']) await mkdir(join(folder, name));
  const bytes = await readFile(BIN);
  await writeFile(join(folder, 'packed', 'gdbm-doctor.cjs.gz'), gzipSync(bytes));
  const { spec } = (await yamlOf<Deployment>('kubernetes/sidecar.yaml')).spec.template;
  const [shell, ...args] = spec.initContainers![0].command;
  const line = args.map((word) =>
    word
      .replaceAll('/packed', join(folder, 'packed'))
      .replaceAll('/opt/gdbm-doctor', join(folder, 'program')),
  );
  const { status, stderr } = spawnSync(shell, line);
  assert.equal(status, 0, stderr.toString());
  assert.ok(bytes.equals(await readFile(join(folder, 'program', 'gdbm-doctor.cjs'))));
});
