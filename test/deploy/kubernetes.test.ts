import assert from 'node:assert/strict';
import test from 'node:test';
import { assertAccepted } from './accepted.js';
import { yamlOf } from './files.js';
import { argumentsOf } from './lines.js';

interface Container {
  name: string;
  command: string[];
  args?: string[];
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
    for (const { name, command, args = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
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
      ['repair', undefined],
      ['watch', 'Always'],
    ],
  );
});

test('where the guard is the first process, the pod reaps for it', async () => {
  const { spec } = (await yamlOf<Deployment>('kubernetes/guard.yaml')).spec.template;
  assert.equal(spec.shareProcessNamespace, true);
});
