/** Milliseconds after which what still keeps this process from ending is taken to be stuck. */
const GRACE = 1000;

/** Operations of a file system that are under way, as Node names them. */
const FILE_OPERATION = /^(FSReq|FileHandleClose)/i;

/**
 * Sees to it that this process ends with an exit code although something keeps it: a look that hangs, a write to a
 * volume that is gone, a pipe that nobody reads. It ends by itself where nothing does.
 */
export function endInAnyCase(code: number): void {
  setTimeout(() => end(code), GRACE).unref();
}

/** Ends this process with an exit code, once the operations that are under way are done or taken to be stuck. */
export function endSoon(code: number): void {
  if (isBusy()) setTimeout(() => end(code), GRACE);
  else process.exit(code);
}

function end(code: number): void {
  if (isBusy()) {
    // An ordinary exit waits for the threads of these operations. A signal does not, but process 1 of a container gets
    // none from itself: only a fault ends that.
    process.kill(process.pid, 'SIGKILL');
    process.abort();
  }
  process.exit(code);
}

function isBusy(): boolean {
  return process.getActiveResourcesInfo().some((name) => FILE_OPERATION.test(name));
}

/** Waits for work, but so many milliseconds at most; what it throws later is nobody's concern. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
