import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { mountOf, parseMountinfo, unescapeOctal } from '../../src/service/procfs.js';

/** Lines of the kernel: with and without optional fields, a bind mount of a file, escapes, a mount over another. */
const TEXT = `27 1 0:30 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/l,upperdir=/u
40 27 8:1 / /data rw,relatime shared:5 master:2 - ext4 /dev/sda1 rw,errors=remount-ro
41 40 0:50 / /data/my\\040files ro - nfs4 nas:/my\\040export rw,nolock
42 27 8:1 /srv/flower.db /app/flower.db rw - ext4 /dev/sda1 rw
43 27 0:60 / /hidden/deep rw - tmpfs tmpfs rw
44 27 8:2 / /hidden rw - xfs /dev/sdb rw
45 40 0:61 / /data rw - tmpfs tmpfs rw
46 27 8:3 /gone//deleted /bound rw - ext4 /dev/sda3 rw
a line that is none
47 27 8:4 / /torn
`;
const mounts = parseMountinfo(TEXT);
const at = (path: string) => mountOf(mounts, path)?.id;

test('the fields are parsed as in proc(5), with any optional ones', () => {
  assert.equal(mounts.length, 8);
  assert.deepEqual(mounts[2], {
    id: 41,
    parentId: 40,
    device: '0:50',
    root: '/',
    mountPoint: '/data/my files',
    options: ['ro'],
    fsType: 'nfs4',
    source: 'nas:/my export',
    superOptions: ['rw', 'nolock'],
  });
  assert.equal(mounts[3].root, '/srv/flower.db');
});

test('the mount of a path is the one that the kernel finds', () => {
  assert.equal(at('/etc/passwd'), 27);
  assert.equal(at('/app/flower.db'), 42);
  assert.equal(at('/app/flower.db.~1~'), 27);
  assert.equal(at('/database'), 27);
  assert.equal(at('/bound/x'), 46);
  // A later mount on a higher folder hides an earlier one below.
  assert.equal(at('/hidden/deep/x'), 44);
  // Of two at the same point, the later one hides the mounts within the first.
  assert.equal(at('/data/flower.db'), 45);
  assert.equal(at('/data/my files/x'), 45);
});

test('a cycle of mounts ends the search', () => {
  assert.equal(mountOf([], '/x'), undefined);
  const [root, data] = mounts;
  assert.equal(mountOf([data], '/data/x'), undefined);
  assert.equal(mountOf([{ ...root, parentId: root.id }], '/x')?.id, 27);
  const circle = [root, { ...data, parentId: 27, id: 50 }, { ...data, parentId: 50, id: 50 }];
  assert.ok(mountOf(circle, '/data/x') !== undefined);
});

test('any escaped bytes are decoded', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.infiniteStream(fc.boolean()), (text, choices) => {
      const escaped = Array.from(Buffer.from(text), (byte) => {
        // The kernel escapes space, tab, line end, # and backslash; any other byte may be escaped, too.
        const must = [0x20, 0x09, 0x0a, 0x23, 0x5c].includes(byte) || byte >= 0x80;
        const may = choices.next().value as boolean;
        return must || may ? `\\${byte.toString(8).padStart(3, '0')}` : String.fromCharCode(byte);
      }).join('');
      assert.equal(unescapeOctal(escaped), Buffer.from(text).toString());
    }),
  );
});

test('text without escapes is unchanged', () => {
  for (const text of ['', '\\', '\\04', '\\999', '\\777', 'a\\', 'ü\\x', '\\ü40']) {
    assert.equal(unescapeOctal(text), text);
  }
});

test('the parser ends for any text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      mountOf(parseMountinfo(text), '/x');
    }),
  );
});
