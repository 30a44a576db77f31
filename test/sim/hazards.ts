/**
 * Stated exceptions that stand in the guarantees, kept narrow and counted:
 * - a node failed a task for reasons of its own, or took a request that came late or twice: until the tail
 *   saw it and the reader's view says so, a reader may see that copy;
 * - a late request that hit the last in-sync copy can overwrite an acknowledged write: those documents are
 *   tainted for the rest of the seed.
 */
import type { ModelTask } from './node.ts';

/** Something a copy met, by node, index and shard. */
interface Hazard {
  readonly task: ModelTask;
  /** Commit that took it in; infinite before. */
  clearedAt: number;
}

const nameOf = (nodeId: string, indexId: string, shard: number): string =>
  `${nodeId} ${indexId} ${shard}`;

/** All exceptions of one seed. */
export class Hazards {
  readonly #byCopy = new Map<string, Hazard[]>();
  /** `index key` of documents that met a stated double fault. */
  readonly tainted = new Set<string>();

  /** A copy met one. */
  add(nodeId: string, indexId: string, shard: number, task: ModelTask): void {
    const name = nameOf(nodeId, indexId, shard);
    const hazards = this.#byCopy.get(name) ?? [];
    hazards.push({ task, clearedAt: Number.POSITIVE_INFINITY });
    this.#byCopy.set(name, hazards);
  }

  /** A tail that read the node's list at `readAtMs` was committed; returns the tasks it was the first to show. */
  seen(nodeId: string, readAtMs: number, commitIndex: number): ModelTask[] {
    const shown = new Set<ModelTask>();
    for (const [name, hazards] of this.#byCopy) {
      if (!name.startsWith(`${nodeId} `)) continue;
      for (const hazard of hazards) {
        if (hazard.clearedAt !== Number.POSITIVE_INFINITY) continue;
        if (hazard.task.endedAtMs > readAtMs) continue;
        hazard.clearedAt = commitIndex;
        shown.add(hazard.task);
      }
    }
    return [...shown];
  }

  /** Whether a reader with this view may see the copy in a state that no order of writes gives. */
  isExcused(nodeId: string, indexId: string, shard: number, viewIndex: number): boolean {
    const hazards = this.#byCopy.get(nameOf(nodeId, indexId, shard));
    return hazards?.some((hazard) => viewIndex < hazard.clearedAt) === true;
  }

  /** Whether the copy met anything that no tail has seen yet. */
  isOpen(nodeId: string, indexId: string, shard: number): boolean {
    return this.isExcused(nodeId, indexId, shard, Number.MAX_SAFE_INTEGER);
  }

  /** Whether any copy did. */
  get isAnyOpen(): boolean {
    for (const hazards of this.#byCopy.values()) {
      if (hazards.some(({ clearedAt }) => clearedAt === Number.POSITIVE_INFINITY)) return true;
    }
    return false;
  }

  taint(indexId: string, key: string): void {
    this.tainted.add(`${indexId} ${key}`);
  }

  isTainted(indexId: string, key: string): boolean {
    return this.tainted.has(`${indexId} ${key}`);
  }
}
