/**
 * A write in several parts may fail in one and not in another. What stays is what its parts did on the copies
 * that count, and that must be the same on all of them. A copy that was filled since took over what its source
 * had of the write, whatever tasks it has of its own; often it is the only one left when the write ends.
 */
import { copyKey } from '../../control/copies/index.ts';
import type { Effect } from '../../control/state/index.ts';
import type { WriteRecord } from './history.ts';
import { appliedKeys } from './touched.ts';
import type { World } from './world.ts';

/** Parts of failed writes that stay. */
export class KeptParts {
  readonly #world: World;
  /** By copyKey: place of a write that was not final when the copy was filled -> keys it took over. */
  readonly #takenOver = new Map<string, ReadonlyMap<number, string[]>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A copy changed its state, and that is committed. */
  noteChange(change: Extract<Effect, { kind: 'copyChanged' }>): void {
    const { indexId, shard, nodeId } = change;
    const [, sourceId] = /^recovered from (\S+)$/.exec(change.reason) ?? [];
    if (sourceId === undefined || change.to !== 'in-sync') return;
    const taken = new Map<number, string[]>();
    for (const [seq, record] of this.#world.history.bySeq) {
      const { intent } = record;
      if (record.finalStatus !== null || !isDivided(record)) continue;
      if (intent?.indexId !== indexId || !intent.shards.includes(shard)) continue;
      const keys = this.#keysOf(seq, { indexId, shard, nodeId: sourceId });
      if (keys !== undefined) taken.set(seq, keys);
    }
    this.#takenOver.set(copyKey(indexId, shard, nodeId), taken);
  }

  /** The task of a write is final. */
  keep(record: WriteRecord): void {
    const world = this.#world;
    const { seq, intent } = record;
    const indexId = intent?.indexId ?? null;
    if (indexId === null || seq === null || !isDivided(record)) return;
    for (const [shard, outcome] of record.outcomes) {
      if (outcome === 'in') continue;
      const kept = world.copiesOf(indexId).flatMap(({ shard: of, nodeId, state }) => {
        if (of !== shard || (state !== 'in-sync' && state !== 'held')) return [];
        const keys = this.#keysOf(seq, { indexId, shard, nodeId });
        return keys === undefined ? [] : [{ nodeId, keys }];
      });
      if (new Set(kept.map(({ keys }) => keys.join())).size > 1) {
        world.fail(
          'c: a write that failed left different parts',
          `task ${seq} shard ${shard}: ${kept.map(({ nodeId, keys }) => `${nodeId} has ${keys.join() || 'nothing'}`).join('; ')}`,
        );
      }
      const keys = kept[0]?.keys ?? [];
      for (const key of keys) record.keptKeys.add(key);
      if (keys.length > 0) world.coverage.hit('limit: a part of a failed write stays');
    }
  }

  /** Keys of the shard that a copy has from the write; undefined if nothing of the write came to it. */
  #keysOf(
    seq: number,
    copy: { readonly indexId: string; readonly shard: number; readonly nodeId: string },
  ): string[] | undefined {
    const { indexId, shard, nodeId } = copy;
    const key = copyKey(indexId, shard, nodeId);
    const since = this.#world.control.state.notes.get(key)?.since ?? -1;
    if (since >= seq) return this.#takenOver.get(key)?.get(seq);
    const node = this.#world.node(nodeId);
    if (!node.tasks.some((task) => task.seq === seq)) return undefined;
    return appliedKeys(node, seq, { shard, shardCount: this.#world.profile.shardCount });
  }
}

function isDivided({ write }: WriteRecord): boolean {
  return write.keys.length > write.partSize;
}
