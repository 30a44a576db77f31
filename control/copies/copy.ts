/**
 * Where copies are: (index, shard, node) <-> slot of the owner table. Only this folder writes the states;
 * everybody else reads them here.
 */
import { assert } from '../../core/assert.ts';
import { COPY_STATES, type CopyState } from '../../core/topology.ts';
import type { IndexRecord, State } from '../state/index.ts';
import { noteShrunk } from './shrunk.ts';

/** A place in the owner table without a copy. */
export const NO_COPY = 0xffff;

/** One copy: a shard of an index on a node. */
export interface CopyPlace {
  readonly index: IndexRecord;
  readonly shard: number;
  readonly nodeId: string;
}

/** Name of a copy in maps and on disk. */
export function copyKey(indexId: string, shard: number, nodeId: string): string {
  return `${indexId} ${shard} ${nodeId}`;
}

/** The parts of a name made by copyKey. */
export function parseCopyKey(key: string): {
  readonly indexId: string;
  readonly shard: number;
  readonly nodeId: string;
} {
  const [indexId = '', shard = '', ...node] = key.split(' ');
  return { indexId, shard: Number(shard), nodeId: node.join(' ') };
}

/** Slot of a copy; -1 if the node has none of that shard. */
export function slotOf(index: IndexRecord, shard: number, nodeId: string): number {
  const place = index.nodeIds.indexOf(nodeId);
  if (place < 0) return -1;
  const first = shard * index.copiesPerShard;
  for (let slot = first; slot < first + index.copiesPerShard; slot += 1) {
    if (index.owners.readUInt16LE(slot * 2) === place) return slot;
  }
  return -1;
}

/** State of a copy; undefined if there is none. */
export function stateOf(index: IndexRecord, shard: number, nodeId: string): CopyState | undefined {
  const slot = slotOf(index, shard, nodeId);
  return slot < 0 ? undefined : COPY_STATES[index.copyStates[slot] ?? 0];
}

/** Whether the copy counts: in-sync, held or not. */
export function isInSync(index: IndexRecord, shard: number, nodeId: string): boolean {
  const state = stateOf(index, shard, nodeId);
  return state === 'in-sync' || state === 'held';
}

/** Nodes with a copy of the shard, in the order of the owner table, with its state. */
export function copiesOf(
  index: IndexRecord,
  shard: number,
): { readonly nodeId: string; readonly state: CopyState }[] {
  const copies: { nodeId: string; state: CopyState }[] = [];
  const first = shard * index.copiesPerShard;
  for (let slot = first; slot < first + index.copiesPerShard; slot += 1) {
    const nodeId = index.nodeIds[index.owners.readUInt16LE(slot * 2)];
    const state = COPY_STATES[index.copyStates[slot] ?? 0];
    if (nodeId !== undefined && state !== undefined) copies.push({ nodeId, state });
  }
  return copies;
}

/** Nodes whose copy of the shard is in-sync, held ones included. */
export function inSyncOf(index: IndexRecord, shard: number): string[] {
  return copiesOf(index, shard)
    .filter(({ state }) => state === 'in-sync' || state === 'held')
    .map(({ nodeId }) => nodeId);
}

/** Whether some copy of the index is not plainly in-sync. */
export function hasOtherCopies(index: IndexRecord): boolean {
  if (index.copiesPerShard === 1) return false;
  return index.copyStates.some((byte) => byte !== 0);
}

/** Shards of which the node has a copy, ascending. */
export function shardsOn(index: IndexRecord, nodeId: string): number[] {
  const place = index.nodeIds.indexOf(nodeId);
  const shards: number[] = [];
  if (place < 0) return shards;
  for (let slot = 0; slot < index.copyStates.length; slot += 1) {
    if (index.owners.readUInt16LE(slot * 2) === place) {
      shards.push(Math.floor(slot / index.copiesPerShard));
    }
  }
  return shards;
}

/**
 * Sets a copy's state, tells the log, wakes what waits for it, and notes the commit that takes a readable
 * copy away. The rules are the callers' matter.
 */
export function setCopyState(
  state: State,
  copy: CopyPlace,
  change: { readonly to: CopyState; readonly reason: string },
): void {
  const { index, shard, nodeId } = copy;
  const slot = slotOf(index, shard, nodeId);
  assert(slot >= 0, 'a copy that changes is placed');
  const from = COPY_STATES[index.copyStates[slot] ?? 0] as CopyState;
  if (from === change.to) return;
  index.copyStates[slot] = COPY_STATES.indexOf(change.to);
  const wasRead = from === 'in-sync' || from === 'held';
  if (wasRead && change.to !== 'in-sync' && change.to !== 'held') {
    noteShrunk(state, index.id, shard);
  }
  state.touchIndex(index);
  state.stirredIndexes.add(index.id);
  state.emit({
    kind: 'copyChanged',
    indexId: index.id,
    shard,
    nodeId,
    from,
    to: change.to,
    reason: change.reason,
  });
}
