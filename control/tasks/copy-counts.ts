/**
 * How many documents a write deleted, edited or added, out of what each node counted. With several copies
 * nodes count the same documents; of nodes whose copies together are every shard once, the counts add up.
 * Where there is no such choice (copies that overlap, some of them out of sync) each count is shared out over
 * the copies of its shards, which is exact as long as every shard has equally many. Pure.
 */
import type { NodeTask } from '../state/index.ts';

const TRIES_MAX = 1_000;

/** What one node did for a write. */
export interface NodeCount {
  /** Whose copies on the node took the write; empty if that is not known. */
  readonly shards: readonly number[];
  readonly tasks: readonly NodeTask[];
}

/** The count called `name` over all shards. */
export function countOnce(nodes: readonly NodeCount[], name: string): number {
  const done = chooseNodes(nodes).map(({ shards, tasks }) => ({
    shards,
    count: sumOf(tasks, name),
  }));
  const copies = new Map<number, number>();
  for (const shard of done.flatMap(({ shards }) => shards)) {
    copies.set(shard, (copies.get(shard) ?? 0) + 1);
  }
  const isSingle = [...copies.values()].every((count) => count === 1);
  const chosen = isSingle ? done : chooseCover(done, copies.size);
  if (chosen !== undefined) return chosen.reduce((sum, { count }) => sum + count, 0);
  const shared = done.reduce((sum, { shards, count }) => {
    const parts = shards.map((shard) => 1 / (copies.get(shard) ?? 1));
    return (
      sum + (count * parts.reduce((total, part) => total + part, 0)) / Math.max(1, shards.length)
    );
  }, 0);
  return Math.round(shared);
}

/** Nodes that did all of it, and of the others those that alone did something for a shard. */
function chooseNodes(nodes: readonly NodeCount[]): NodeCount[] {
  const isDone = ({ tasks }: NodeCount): boolean =>
    tasks.length > 0 && tasks.every(({ status }) => status === 'succeeded');
  const whole = nodes.filter(isDone);
  const covered = new Set(whole.flatMap(({ shards }) => shards));
  const alone = nodes.filter(
    (node) => !isDone(node) && !node.shards.some((shard) => covered.has(shard)),
  );
  return [...whole, ...alone];
}

/** What failed counts nothing. */
function sumOf(tasks: readonly NodeTask[], name: string): number {
  return tasks.reduce((sum, { status, details }) => {
    const value = status === 'succeeded' ? details?.[name] : 0;
    return sum + (typeof value === 'number' ? value : 0);
  }, 0);
}

interface Counted {
  readonly shards: readonly number[];
  readonly count: number;
}

/** Nodes that hold every shard exactly once between them; looked for with a bound. */
function chooseCover(nodes: readonly Counted[], shardCount: number): Counted[] | undefined {
  const bySize = [...nodes].sort((a, b) => b.shards.length - a.shards.length);
  let tries = 0;
  const extend = (from: number, covered: ReadonlySet<number>): Counted[] | undefined => {
    if (covered.size === shardCount) return [];
    for (const [at, node] of bySize.entries()) {
      if (at < from || node.shards.some((shard) => covered.has(shard))) continue;
      tries += 1;
      if (tries > TRIES_MAX) return undefined;
      const rest = extend(at + 1, new Set([...covered, ...node.shards]));
      if (rest !== undefined) return [node, ...rest];
    }
    return undefined;
  };
  return extend(0, new Set());
}
