import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PYTHON } from './needs.js';

/** A pickle that real Python wrote. */
export interface MadePickle {
  readonly protocol: number;
  /** One of Python's picklers: `c`, `python`, or `optimized` afterwards. */
  readonly writer: string;
  readonly bytes: Uint8Array;
}

/** Pickles of random values, at each protocol and by each writer. */
export async function makePickles(seed: number, count: number): Promise<MadePickle[]> {
  const lines = await runPickles(['make', String(seed), String(count)], '');
  return lines.map((line) => {
    const [protocol, writer, text] = line.split(' ');
    return { protocol: Number(protocol), writer, bytes: new Uint8Array(Buffer.from(text, 'base64')) };
  });
}

/** Runs Python's disassembler, which checks stack and memo, on each pickle: `ok`, or its error. */
export async function disassemble(pickles: readonly Uint8Array[]): Promise<string[]> {
  const input = pickles.map((bytes) => `${Buffer.from(bytes).toString('base64')}\n`).join('');
  return runPickles(['dis'], input);
}

async function runPickles(args: string[], input: string): Promise<string[]> {
  const script = fileURLToPath(new URL('pickles.py', import.meta.url));
  const child = spawn(PYTHON, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  const pieces: Buffer[] = [];
  for await (const piece of child.stdout) pieces.push(piece as Buffer);
  const lines = Buffer.concat(pieces).toString().split('\n');
  return lines.slice(0, -1);
}
