/** MiB that Flower 2.0.1 and guard took at their peak with 10,000 and with 100,000 tasks (sum of PSS). */
const MEASURED = [
  [10_000, 159],
  [100_000, 648],
] as const;
/** Share of a limit that they may take. */
const HEADROOM = 0.8;
/** Flower's own default. */
const MAX_TASKS = 100_000;

/**
 * MiB that a memory limit must have for a Flower.
 *
 * @param maxTasks its FLOWER_MAX_TASKS
 */
export function memoryFor(maxTasks: string | undefined): number {
  const [[few, small], [many, large]] = MEASURED;
  const slope = (large - small) / (many - few);
  return (small + (Number(maxTasks ?? MAX_TASKS) - few) * slope) / HEADROOM;
}
