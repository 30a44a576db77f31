/**
 * Reads what is news on one node. Stock nodes refuse to call back to private addresses, so their list of
 * tasks is polled: every 20 to 50 ms while something is outstanding, each second while nothing is, and at
 * once when somebody asks (then with the marker). A reading is one list from the lowest uid that may be news
 * up to the newest; outstanding tasks far below it are asked for by uid. Readings without news are not told.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  ANY_MARK,
  markOf,
  type NodeReading,
  type NodeTask,
  type TailTask,
} from '../state/index.ts';
import type { ControlNode } from './node.ts';
import { lastTaskUid, listTasksFrom, type RawTask, readTasks, toNodeTask } from './task-list.ts';

const POLL_MIN_MS = 20;
const POLL_MAX_MS = 50;
const POLL_IDLE_MS = 1_000;
const POLL_DOWN_MS = 500;
const ASKED_MAX = 100;
/** With this many tasks outstanding a look at the first of them is cheaper than the whole list. */
const MANY = 4;
/** Between two whole readings while much is outstanding: tasks that nobody told of are found by them. */
const WHOLE_MS = 250;
/** Outstanding tasks this far below what is new are read in the same list. */
const SAME_LIST_MAX = 200;

/** What is known of the node before a reading. */
export interface KnownTasks {
  readonly lastUid: number;
  /** Of that task; `*` if only its uid is known. */
  readonly lastMark: string;
  readonly seenUid: number;
  /** Tasks whose end is not known. */
  readonly outstanding: Iterable<number>;
}

/** The same, with the outstanding ones in ascending order. */
type KnownList = Omit<KnownTasks, 'outstanding'> & { readonly outstanding: readonly number[] };

/** What the tail needs. */
export interface TailOptions {
  readonly node: ControlNode;
  readonly known: () => KnownTasks;
  /** Undefined if the node did not answer. */
  readonly readMarker: (signal: AbortSignal) => Promise<NodeReading['marker'] | undefined>;
  readonly steadyMs: () => number;
  readonly onReading: (reading: NodeReading) => void;
}

/** Reads one node until closed. */
export class Tail {
  readonly #options: TailOptions;
  readonly #abort = new AbortController();
  readonly #processing = new Set<number>();
  #wholeAtMs = Number.NEGATIVE_INFINITY;
  #pause = new AbortController();
  #isAsked = false;
  #isBusy = false;
  #isRunning = false;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  /** Begins to read. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#loop();
  }

  /** Something may be outstanding now. */
  wake(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#pause.abort();
  }

  /** A whole reading, with the marker, that begins from now on. */
  ask(): void {
    this.#isAsked = true;
    this.#pause.abort();
  }

  close(): void {
    this.#abort.abort();
    this.#pause.abort();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#abort;
    let pauseMs = POLL_MIN_MS;
    while (!signal.aborted) {
      const isAsked = this.#isAsked;
      this.#isAsked = false;
      const known = this.#known();
      const news = await this.#read(known, isAsked).catch(() => undefined);
      if (news === undefined) {
        this.#isAsked ||= isAsked;
        pauseMs = POLL_DOWN_MS;
      } else if (known.outstanding.length === 0) pauseMs = POLL_IDLE_MS;
      else if (news > 0) pauseMs = POLL_MIN_MS;
      else pauseMs = Math.min(Math.ceil(Math.max(pauseMs, POLL_MIN_MS) * 1.25), POLL_MAX_MS);
      this.#isBusy = known.outstanding.length > 0;
      // A whole page ended: the next hundred are likely done as well.
      if (news !== ASKED_MAX) await this.#rest(pauseMs, news === undefined);
    }
  }

  async #rest(pauseMs: number, isDown: boolean): Promise<void> {
    this.#pause = new AbortController();
    if (this.#abort.signal.aborted || (this.#isAsked && !isDown)) return;
    const { signal } = this.#pause;
    await delay(pauseMs, undefined, { signal, ref: false }).catch(() => {});
  }

  #known(): KnownList {
    const { lastUid, lastMark, seenUid, outstanding } = this.#options.known();
    return { lastUid, lastMark, seenUid, outstanding: [...outstanding].sort((a, b) => a - b) };
  }

  /** How many outstanding tasks ended; undefined if the node did not answer. */
  async #read(known: KnownList, isAsked: boolean): Promise<number | undefined> {
    const { node, steadyMs, readMarker, onReading } = this.#options;
    const { signal } = this.#abort;
    if (!isAsked && (await this.#isAtWork(known))) return 0;
    const startedAtMs = steadyMs();
    const marker = isAsked ? await readMarker(signal) : 'unread';
    if (marker === undefined) return undefined;
    const found = await readNews(node, known, signal);
    if (found === undefined) return undefined;
    this.#wholeAtMs = startedAtMs;
    const lastKnown = judgeLast(known, found.tasks);
    const ended = found.tasks.filter(({ task }) => isEnd(task));
    const reading: NodeReading = {
      nodeId: node.id,
      startedAtMs,
      marker,
      lastKnown,
      highestUid: found.highestUid,
      tasks: found.tasks,
      missingUids: found.missingUids,
    };
    const outstanding = new Set(known.outstanding);
    const isNews =
      isAsked ||
      lastKnown !== 'present' ||
      found.missingUids.length > 0 ||
      found.tasks.some((task) => this.#isNews(task, { known, outstanding }));
    if (isNews && !signal.aborted) onReading(reading);
    return ended.filter(({ uid }) => outstanding.has(uid)).length;
  }

  /** A node works its queue off in order: while the first task lasts that is outstanding, there is no news. */
  async #isAtWork({ outstanding }: KnownList): Promise<boolean> {
    const { node, steadyMs } = this.#options;
    const [first] = outstanding;
    if (first === undefined || outstanding.length < MANY) return false;
    if (steadyMs() - this.#wholeAtMs >= WHOLE_MS) return false;
    const [task] = (await readTasks(node, [first], this.#abort.signal)) ?? [];
    if (task?.status === 'enqueued') return true;
    return task?.status === 'processing' && this.#processing.has(first);
  }

  #isNews(
    { uid, task }: TailTask,
    at: { readonly known: KnownTasks; readonly outstanding: ReadonlySet<number> },
  ): boolean {
    if (uid > at.known.seenUid) return true;
    if (!at.outstanding.has(uid) || task === null) return false;
    if (task.status !== 'processing') {
      this.#processing.delete(uid);
      return true;
    }
    if (this.#processing.has(uid)) return false;
    this.#processing.add(uid);
    return true;
  }
}

interface News {
  readonly tasks: readonly TailTask[];
  readonly highestUid: number;
  readonly missingUids: readonly number[];
}

async function readNews(
  node: ControlNode,
  known: KnownList,
  signal: AbortSignal,
): Promise<News | undefined> {
  const { outstanding } = known;
  // The newest that was read before is read once more: it must be there still.
  const newest = Math.max(0, Math.min(known.seenUid, known.lastUid));
  const lowest = outstanding[0] ?? newest;
  const from = newest - lowest <= SAME_LIST_MAX ? Math.min(newest, lowest) : newest;
  const below = outstanding.filter((uid) => uid < from).slice(0, ASKED_MAX);
  const old = below.length === 0 ? [] : await readTasks(node, below, signal);
  if (old === undefined) return undefined;
  const fresh = await listTasksFrom(node, from, { filter: '', signal });
  if (fresh === undefined) return undefined;
  const tasks = [...old, ...fresh].map(toTailTask);
  const there = new Set(tasks.map(({ uid }) => uid));
  const asked = [...below, ...outstanding.filter((uid) => uid >= from)];
  const highestUid = fresh.at(-1)?.uid ?? (await lastTaskUid(node, signal));
  if (highestUid === undefined) return undefined;
  return { tasks, highestUid, missingUids: asked.filter((uid) => !there.has(uid)) };
}

function judgeLast(known: KnownList, tasks: readonly TailTask[]): NodeReading['lastKnown'] {
  if (known.lastUid < 0) return 'present';
  const last = tasks.find(({ uid }) => uid === known.lastUid);
  if (last === undefined) return 'absent';
  const isSame = known.lastMark === ANY_MARK || markOf(last) === known.lastMark;
  return isSame ? 'present' : 'other';
}

function isEnd(task: NodeTask | null): boolean {
  return task !== null && task.status !== 'processing';
}

function toTailTask(raw: RawTask): TailTask {
  const count = raw.details?.['receivedDocuments'] ?? raw.details?.['providedIds'];
  return {
    uid: raw.uid,
    tag: raw.customMetadata ?? null,
    enqueuedAt: raw.enqueuedAt,
    indexUid: raw.indexUid,
    documentCount: typeof count === 'number' ? count : null,
    task: toNodeTask(raw) ?? null,
  };
}
