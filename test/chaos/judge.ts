/**
 * Judges one cycle after everything was healed and drained: order and fate of the writes, equality of the
 * copies, what reads were shown.
 */

import type { GatewayNode, JudgedGateway } from './gateway.ts';
import type { History, WriteEvent } from './history.ts';
import { canonical, type Model } from './model.ts';
import { type Doc, INDEXES, KEYS } from './operation.ts';

const PAGE = 1_000;

interface ListedTask {
  readonly uid: number;
  readonly status: string;
  readonly type: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly customMetadata?: string;
}

/** Tasks from `from` up, in order. */
export async function readTasks(world: JudgedGateway, from: number): Promise<ListedTask[]> {
  const tasks: ListedTask[] = [];
  let next: number | null = from;
  while (next !== null) {
    const path: string = `/tasks?reverse=true&limit=${PAGE}&from=${next}`;
    const answer = await world.call('GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    tasks.push(...(answer.body.results as ListedTask[]));
    next = answer.body.next as number | null;
  }
  return tasks;
}

/** Replays the tasks into the model; says what cannot be. */
export function replay(history: History, model: Model, tasks: readonly ListedTask[]): string[] {
  const faults: string[] = [];
  let last = -1;
  for (const task of tasks) {
    if (task.uid <= last) faults.push(`task ${task.uid} is listed after ${last}`);
    last = task.uid;
    if (task.status === 'enqueued' || task.status === 'processing') {
      faults.push(`task ${task.uid} is stuck: ${task.status}`);
    }
    const event = history.writes.get(task.customMetadata ?? '');
    if (event === undefined) continue;
    if (event.end !== undefined) faults.push(`${event.operation.name} took two places`);
    const error = task.error === null ? '' : `${task.error.code}: ${task.error.message}`;
    event.end = { uid: task.uid, status: task.status, error };
    if (task.status === 'succeeded') {
      model.apply(event.operation);
      note(history, event);
    } else if ((event.operation.keys?.length ?? 2) > 1) {
      model.applyMaybe(event.operation);
      note(history, event);
    }
  }
  return faults;
}

function note(history: History, event: WriteEvent): void {
  const { operation, end } = event;
  for (const id of operation.keys ?? KEYS) {
    const name = `${operation.index} ${id}`;
    const lane = history.lanes.get(name) ?? [];
    lane.push({ uid: end?.uid ?? -1, op: operation.name, event });
    history.lanes.set(name, lane);
  }
}

/** Every acknowledged write is there under its uid and did not fail; uids follow real time. */
export function judgeWrites(history: History): string[] {
  const faults: string[] = [];
  const placed: WriteEvent[] = [];
  for (const event of history.writes.values()) {
    const { operation, taskUid, end } = event;
    if (end !== undefined) placed.push(event);
    if (taskUid === undefined) continue;
    if (end === undefined)
      faults.push(`${operation.name} was acknowledged as ${taskUid} and is lost`);
    else if (end.uid !== taskUid) {
      faults.push(`${operation.name} was acknowledged as ${taskUid} and is ${end.uid}`);
    } else if (end.status !== 'succeeded') {
      faults.push(
        `${operation.verb} ${operation.name} (${taskUid}) was acknowledged and ${end.status}: ${end.error}`,
      );
    }
  }
  return [...faults, ...orderFaults(placed)];
}

/** A write answered before another began has the lower uid. */
function orderFaults(placed: readonly WriteEvent[]): string[] {
  const answered = placed
    .filter((event) => event.taskUid !== undefined)
    .sort((a, b) => (a.answeredAtMs ?? 0) - (b.answeredAtMs ?? 0));
  const begun = [...placed].sort((a, b) => a.begunAtMs - b.begunAtMs);
  const faults: string[] = [];
  let at = 0;
  let highest: WriteEvent | undefined;
  for (const event of begun) {
    for (; (answered[at]?.answeredAtMs ?? Number.POSITIVE_INFINITY) < event.begunAtMs; at += 1) {
      const earlier = answered[at];
      if ((earlier?.end?.uid ?? -1) > (highest?.end?.uid ?? -1)) highest = earlier;
    }
    if (highest !== undefined && (event.end?.uid ?? 0) < (highest.end?.uid ?? 0)) {
      faults.push(
        `${event.operation.name} began after ${highest.operation.name} was answered and is before it`,
      );
    }
  }
  return faults;
}

/** A read shows nothing older than what a client had been shown as done before the read began. */
export function judgeReads(history: History): string[] {
  const faults: string[] = [...history.badReads];
  for (const read of history.reads) {
    // What was never acknowledged may be seen before it ends as failed.
    const shown = read.op === null ? undefined : history.writes.get(read.op);
    if (read.isLabelled || (shown !== undefined && shown.end?.status !== 'succeeded')) continue;
    const lane = history.lanes.get(`${read.index} ${read.id}`) ?? [];
    const floor = lane.findLastIndex(
      ({ event }) => (event.finishedAtMs ?? Infinity) < read.begunAtMs,
    );
    if (floor < 0) continue;
    const isFine = lane.slice(floor).some(({ op, event }) => mayShow(read.op, op, event));
    if (isFine || maybeUntouched(lane.slice(0, floor + 1), read.op)) continue;
    const [last] = lane.slice(floor);
    faults.push(
      `${read.index}/${read.id} showed ${read.op} after ${last?.op} (${last?.uid}) was done`,
    );
  }
  return faults;
}

function mayShow(seen: string | null, op: string, event: WriteEvent): boolean {
  const { verb } = event.operation;
  const removes = verb === 'delete' || verb === 'deleteBatch' || verb === 'deleteByFilter';
  if (seen === null) return removes || verb === 'updateExisting' || verb === 'edit';
  return seen === op;
}

/** Filters may have left the document alone, and failed writes too: then an earlier one is still shown. */
function maybeUntouched(
  lane: readonly { readonly op: string; readonly event: WriteEvent }[],
  seen: string | null,
): boolean {
  for (const { op, event } of lane.toReversed()) {
    if (mayShow(seen, op, event)) return true;
    const { verb } = event.operation;
    const mayPass =
      event.end?.status !== 'succeeded' ||
      verb === 'deleteByFilter' ||
      verb === 'edit' ||
      verb === 'updateExisting';
    if (!mayPass) return false;
  }
  // What cycles before left is not known here.
  return true;
}

/** The copies that the nodes of each group hold, and the model, are one and the same. */
export async function judgeCopies(
  world: JudgedGateway,
  model: Model,
  factor: number,
): Promise<{ readonly faults: string[]; readonly documentCount: number }> {
  const faults: string[] = [];
  let documentCount = 0;
  for (const index of INDEXES) {
    const copies = new Map<string, { readonly node: GatewayNode; readonly doc: Doc }[]>();
    for (const node of world.nodes) {
      for (const doc of await readNode(world, node, index)) {
        const id = String(doc['id']);
        copies.set(id, [...(copies.get(id) ?? []), { node, doc }]);
      }
    }
    const groups = new Set(world.nodes.map((node) => node.group)).size;
    for (const id of new Set([...KEYS, ...copies.keys()])) {
      const held = copies.get(id) ?? [];
      documentCount += held.length;
      faults.push(...compareCopies(`${index}/${id}`, held, factor * groups));
      const found = held[0] === undefined ? null : stripped(held[0].doc);
      const possible = model.statesOf(index, id);
      if (!model.settle(index, id, found)) {
        faults.push(
          `${index}/${id} is ${canonical(found)}, not ${possible.map(canonical).join(' or ')}`,
        );
      }
    }
  }
  return { faults, documentCount };
}

function compareCopies(
  name: string,
  held: readonly { readonly node: GatewayNode; readonly doc: Doc }[],
  wanted: number,
): string[] {
  const texts = new Set(held.map(({ doc }) => canonical(doc)));
  if (texts.size > 1) {
    const shown = held.map(({ node, doc }) => `${node.id}: ${canonical(doc)}`);
    return [`${name} differs: ${shown.join(' | ')}`];
  }
  if (held.length !== 0 && held.length !== wanted) {
    return [`${name} is on ${held.map(({ node }) => node.id).join(', ')}, wanted ${wanted} copies`];
  }
  return [];
}

function stripped(doc: Doc): Doc {
  return Object.fromEntries(Object.entries(doc).filter(([field]) => !field.startsWith('_miroir_')));
}

async function readNode(world: JudgedGateway, node: GatewayNode, index: string): Promise<Doc[]> {
  const docs: Doc[] = [];
  for (;;) {
    const path = `/indexes/${index}/documents?limit=${PAGE}&offset=${docs.length}`;
    const page = (await world.ask(node, path)) as { results: Doc[]; total: number };
    docs.push(...page.results);
    if (docs.length >= page.total || page.results.length === 0) return docs;
  }
}
