/**
 * Looks up which parts of a write are in a node's queue, by their tag (`m1.<cluster>.<seq>.<part>`). Done
 * after the connections that could still bring some are closed, so what is not there never will be.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlNode } from './node.ts';
import { listTasksFrom } from './task-list.ts';

const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 2_000;
const DOCUMENT_TYPES = 'types=documentAdditionOrUpdate,documentDeletion,documentEdition';

/** The parts found; tries until the node answers. Undefined only if the signal fired. */
export async function findTags(
  node: ControlNode,
  wanted: { readonly tag: string; readonly floor: number },
  signal: AbortSignal,
): Promise<{ readonly part: number; readonly uid: number }[] | undefined> {
  for (let pauseMs = PAUSE_MIN_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    const filter = DOCUMENT_TYPES;
    const tasks = await listTasksFrom(node, wanted.floor + 1, { filter, signal });
    if (tasks !== undefined) {
      return tasks.flatMap((task) => {
        const part = partOf(task.customMetadata, wanted.tag);
        return part === undefined ? [] : [{ part, uid: task.uid }];
      });
    }
    await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

/** Part number in a tag of this write; undefined for any other text. */
export function partOf(metadata: string | undefined, tag: string): number | undefined {
  if (metadata?.startsWith(`${tag}.`) !== true) return undefined;
  const match = /^(\d{1,9})(?:\.|$)/.exec(metadata.slice(tag.length + 1));
  return match === null ? undefined : Number(match[1]);
}
