/**
 * Commands of an advice, as they can be pasted: with real names, and with the way to root where root is needed. What has to
 * be known besides stands behind a `#`.
 */
import { basename } from 'node:path';
import { shellPath, shellWord } from '../report/escape.js';
import type { VolumeFacts } from './facts.js';

/** A command with a remark that a shell passes over. */
export function remarked(command: string, remark: string): string {
  return `${command}  # ${remark}`;
}

/** A command that needs root, as the user of this process or of its container's host gives it. */
export function asRoot({ user, container }: VolumeFacts, command: string): string {
  if (user?.uid === 0) return command;
  const whole = /[&|;]/.test(command) ? `sh -c ${shellWord(command)}` : command;
  if (container === undefined) return `sudo ${whole}`;
  if (container.runtime === 'kubernetes')
    return remarked(command, "as root, on the node: kubectl exec is the pod's own user");
  // Without --privileged root has only the capabilities of the container, often none.
  return `${container.runtime} exec -u 0 --privileged ${container.name} ${whole}`;
}

/** A command that gives the volume of a pod to its group; undefined if it is not known what made the pod. */
export function fsGroupCommand({ user, container }: VolumeFacts): string | undefined {
  if (user === undefined || container?.runtime !== 'kubernetes') return undefined;
  const workload = workloadOf(container.name);
  const spec = { template: { spec: { securityContext: { fsGroup: user.gid } } } };
  const patch = shellWord(JSON.stringify({ spec }));
  return (
    workload &&
    remarked(`kubectl patch ${workload} --patch ${patch}`, 'makes the volume writable for its group')
  );
}

/** A command that ends the first process of this container. */
export function stopCommand({ container }: VolumeFacts): string {
  if (container === undefined) return 'kill 1';
  if (container.runtime !== 'kubernetes') return `${container.runtime} stop ${container.name}`;
  const workload = workloadOf(container.name);
  return workload === undefined
    ? `kubectl delete pod ${container.name}`
    : `kubectl scale --replicas=0 ${workload}`;
}

/** The Deployment or StatefulSet that made a pod, by the pod's name; undefined for a pod of another kind. */
function workloadOf(pod: string): string | undefined {
  const [, deployment] = /^(.+)-[a-z0-9]{6,10}-[a-z0-9]{5}$/.exec(pod) ?? [];
  if (deployment !== undefined) return `deployment/${deployment}`;
  const [, statefulSet] = /^(.+)-\d+$/.exec(pod) ?? [];
  return statefulSet && `statefulset/${statefulSet}`;
}

/** A command that shows what is mounted where. */
export function mountsCommand({ container }: VolumeFacts, folder: string): string {
  if (container === undefined) return `findmnt -T ${shellPath(folder)}`;
  return container.runtime === 'kubernetes'
    ? `kubectl describe pod ${container.name}`
    : `${container.runtime} inspect -f '{{ json .Mounts }}' ${container.name}`;
}

/** A command that copies the file out of its container, or to another volume. */
export function saveCommand({ container, realPath }: VolumeFacts): string {
  // Not the database's own name: the shell empties a file before the command that is to fill it.
  const name = shellPath(`${basename(realPath)}.saved`);
  if (container === undefined) return `cp -p ${shellPath(realPath)} ${elsewhere(realPath)}`;
  const cat = `cat ${shellPath(realPath)} > ${name}`;
  return container.runtime === 'kubernetes'
    ? `kubectl exec ${container.name} -- ${cat}`
    : `${container.runtime} exec ${container.name} ${cat}`;
}

/** A place on another volume for a copy of the file, as a shell takes it. */
export function elsewhere(path: string): string {
  return shellPath(`/var/tmp/${basename(path)}`);
}

/** A name for a volume for the file. */
export function volumeName(path: string): string {
  return `${basename(path).replace(/\W.*$/, '') || 'gdbm'}-data`;
}
