/** Milliseconds of CPU time that this process has taken, which other work on the machine hardly changes. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
