import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { deviceName, parseLocks } from '../../src/service/procfs.js';

test('held locks are parsed, and waiting ones are not', () => {
  const text = `1: FLOCK  ADVISORY  WRITE 12739 fe:00:9977916 0 EOF
1: -> FLOCK  ADVISORY  WRITE 12740 fe:00:9977916 0 EOF
2: POSIX  ADVISORY  READ  3568 08:02:18446744073709551615 128 191
3: OFDLCK ADVISORY  WRITE -1 00:15:8713 0 EOF
4: LEASE  ACTIVE    READ 5 103:01:77 0 EOF
5: POSIX  *NOINODE* WRITE 7 <none>:0 0 EOF
nonsense
`;
  assert.deepEqual(parseLocks(text), [
    { kind: 'flock', mode: 'exclusive', pid: 12739, device: '254:0', inode: 9977916n },
    { kind: 'posix', mode: 'shared', pid: 3568, device: '8:2', inode: 18446744073709551615n },
    { kind: 'ofd', mode: 'exclusive', pid: undefined, device: '0:21', inode: 8713n },
    { kind: 'lease', mode: 'shared', pid: 5, device: '259:1', inode: 77n },
  ]);
});

test('the lock lines of fdinfo are parsed, and the others are not', () => {
  const text =
    'pos:\t0\nflags:\t02100002\nmnt_id:\t29\nlock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF\n';
  assert.deepEqual(parseLocks(text), [
    { kind: 'flock', mode: 'exclusive', pid: 359, device: '0:19', inode: 11691n },
  ]);
});

test('device numbers are split like those of the C library', () => {
  assert.equal(deviceName(0xfe00n), '254:0');
  assert.equal(deviceName(0x801n), '8:1');
  const number = fc.integer({ min: 0, max: 0xffffffff }).map(BigInt);
  fc.assert(
    fc.property(number, number, (major, minor) => {
      const dev =
        ((major & 0xfffff000n) << 32n) |
        ((major & 0xfffn) << 8n) |
        ((minor & 0xffffff00n) << 12n) |
        (minor & 0xffn);
      assert.equal(deviceName(dev), `${major}:${minor}`);
    }),
  );
});
