import { spawn } from 'node:child_process';

/** How a program ended that was run on an open file. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Descriptor under which a program finds the open file that it is run on. */
export const PROGRAM_FD = 3;

/** Runs a program to its end on an open file, which it inherits as {@link PROGRAM_FD}. */
export function runProgram(
  program: string,
  args: readonly string[],
  fd: number,
  input = '',
): Promise<'missing' | ProgramEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe', fd] });
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    // A program that does not read its input may have ended before it is written.
    child.stdin!.on('error', () => {});
    child.stdin!.end(input);
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('missing');
      else reject(error);
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
