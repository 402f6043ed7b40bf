import assert from 'node:assert/strict';
import type { GdbmErrorCode, Spec } from '../../src/index.js';
import { create, GdbmError, memorySink } from '../../src/index.js';

/** The bytes of a database with these records. */
export async function databaseOf(records: ReadonlyMap<string, string>, spec: Spec = {}): Promise<Uint8Array> {
  const sink = memorySink();
  const writer = await create(sink, spec);
  for (const [key, value] of records) await writer.add(key, value);
  await writer.finish();
  return sink.bytes();
}

/** Requires that work fails with a GdbmError of this code. */
export async function rejectedWith(code: GdbmErrorCode, work: Promise<unknown>): Promise<GdbmError> {
  const found: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(found instanceof GdbmError, String(found));
  assert.equal(found.code, code, found.message);
  return found;
}
