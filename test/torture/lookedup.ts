import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LibGdbm } from '../tools/libgdbm.js';
import { isNative } from './databases.js';
import type { Intact } from './intact.js';
import { latin1 } from './life.js';

/** Lookups by the real library in damaged files: a repair must not give less than they do. */
export class Lookups {
  lib = new LibGdbm();

  /**
   * Keys that the real library finds with the right value in a damaged file; none in a format that it cannot open, or
   * where the file ends it by a signal.
   */
  async found({ format, records }: Intact, damaged: Uint8Array): Promise<string[]> {
    if (!isNative(format)) return [];
    const folder = await mkdtemp(join(tmpdir(), 'gdbm-doctor-torture-'));
    try {
      const path = join(folder, 'damaged.db');
      await writeFile(path, damaged);
      const keys = [...records.keys()];
      const values = await this.lib.lookups(
        path,
        keys.map((key) => Buffer.from(key, 'latin1')),
      );
      return keys.filter((key, n) => {
        const value = values[n];
        return value !== undefined && latin1(value) === records.get(key)!.value;
      });
    } catch {
      this.lib.close();
      this.lib = new LibGdbm();
      return [];
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** Number of those keys that a repaired file lacks, or gives with another value. */
  async worse(intact: Intact, damaged: Uint8Array, repaired?: ReadonlyMap<string, string>): Promise<number> {
    const found = await this.found(intact, damaged);
    return found.filter((key) => repaired?.get(key) !== intact.records.get(key)!.value).length;
  }

  close(): void {
    this.lib.close();
  }
}
