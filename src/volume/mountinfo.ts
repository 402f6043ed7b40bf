/** A line of /proc/self/mountinfo; see proc_pid_mountinfo(5). Paths are unescaped. */
export interface Mount {
  readonly id: number;
  /** The mount that this one is mounted on. */
  readonly parentId: number;
  /** `major:minor` of the file system's device, decimal. */
  readonly device: string;
  /** The path within its file system that is shown at the mount point; `//deleted` at its end: it is gone. */
  readonly root: string;
  readonly mountPoint: string;
  /** Of this mount, such as `ro`. */
  readonly options: readonly string[];
  readonly fsType: string;
  /** The device, the server's export or a word. */
  readonly source: string;
  /** Of the whole file system. */
  readonly superOptions: readonly string[];
}

/** Parses the text of /proc/self/mountinfo. Lines that are not as proc_pid_mountinfo(5) says are left out. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    // A varying number of optional fields ends with a single hyphen.
    const dash = fields.indexOf('-', 6);
    if (dash < 0 || fields.length < dash + 4) return [];
    const [id, parentId, device, root, mountPoint, options] = fields;
    const [fsType, source, superOptions] = fields.slice(dash + 1);
    if (!/^\d+$/.test(id) || !/^\d+$/.test(parentId)) return [];
    return [
      {
        id: Number(id),
        parentId: Number(parentId),
        device,
        root: unescapeOctal(root),
        mountPoint: unescapeOctal(mountPoint),
        options: options.split(','),
        fsType: unescapeOctal(fsType),
        source: unescapeOctal(source),
        superOptions: superOptions.split(','),
      },
    ];
  });
}

/** Undoes the kernel's escapes: a backslash and three octal digits for a byte. */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = new TextEncoder().encode(text);
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const digits = /^\\([0-3][0-7]{2})/.exec(String.fromCharCode(...bytes.subarray(at, at + 4)));
    out.push(digits === null ? bytes[at] : parseInt(digits[1], 8));
    if (digits !== null) at += 3;
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(out));
}

/**
 * The mount that a path lies on, found as the kernel finds it: from the root down, crossing each mount on the way, so
 * that one that another hides is not taken for it.
 *
 * @param path absolute, without symbolic links
 */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const above = mounts.filter(({ mountPoint }) => isWithin(path, mountPoint));
  const ids = new Set(mounts.map(({ id }) => id));
  let current = above.find(
    ({ id, parentId, mountPoint }) => mountPoint === '/' && (!ids.has(parentId) || parentId === id),
  );
  const passed = new Set<Mount>();
  while (current !== undefined && !passed.has(current)) {
    passed.add(current);
    const { id } = current;
    const next = above
      .filter((mount) => mount.parentId === id && !passed.has(mount))
      // What is mounted higher up hides what was mounted below it before.
      .sort((a, b) => a.mountPoint.length - b.mountPoint.length)[0];
    if (next === undefined) return current;
    current = next;
  }
  return undefined;
}

/** Whether a path is the folder or lies in it; both absolute. */
function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}
