import assert from 'node:assert/strict';
import { parserFor } from '../../src/cli/main.js';

/** Asserts that the program accepts a line, without doing what it says. */
export async function assertAccepted(args: readonly string[], where: string): Promise<void> {
  assert.equal(await whatIsWrong(args), undefined, `${where}: gdbm-doctor ${args.join(' ')}`);
}

async function whatIsWrong(args: readonly string[]): Promise<string | undefined> {
  try {
    const parser = await parserFor(args, async () => {});
    await parser.parseAsync();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
