/**
 * What recovery wants of nodes: lists, readings, writes and comparisons of one shard on two nodes. For each
 * worker it keeps the texts of identifiers (the machine knows hashes alone) and the page that was read last,
 * until the worker ends. Every call has a deadline; a node that does not do as asked ends the worker.
 */
import { failpoint } from '../../core/failpoint.ts';
import type { MachineEvent, RecoveryEffect, RecoveryPlace, SendReport } from '../state/index.ts';
import type { ControlNode } from './node.ts';
import {
  compareDocuments,
  compareShards,
  listShard,
  type PartOutcome,
  partsOf,
  readDocuments,
  type ShardFault,
  type ShardPlace,
  writePage,
} from './shards/index.ts';

type EffectOf<Kind> = Extract<RecoveryEffect, { kind: Kind }>;

/** The effects that ask something of nodes on behalf of a worker. */
export type RecoveryCall = EffectOf<
  'recoveryList' | 'recoveryRead' | 'recoveryWrite' | 'recoveryCompare'
>;

/** An event without its time. */
type Told = MachineEvent extends infer Event
  ? Event extends { readonly now: unknown }
    ? Omit<Event, 'now'>
    : never
  : never;

/** What the calls need. */
export interface RecoveryCallsOptions {
  readonly nodes: ReadonlyMap<string, ControlNode>;
  readonly tell: (event: Told) => void;
  readonly signal: AbortSignal;
}

/** One worker's memory. */
interface Desk {
  /** Hash of an identifier -> its text. */
  readonly ids: Map<bigint, string>;
  /** The page: hash -> the document, null where the source has none. */
  page: Map<bigint, Uint8Array | null>;
  readonly abort: AbortController;
}

interface Nodes {
  readonly source: ControlNode;
  readonly target: ControlNode;
}

/** A node did not do as asked. */
class CallFault extends Error {
  override name = 'CallFault';

  constructor(fault: ShardFault) {
    super(fault.kind === 'tooLarge' ? 'a document is too large to be copied' : fault.reason);
  }
}

/** Makes the calls of all workers. */
export class RecoveryCalls {
  readonly #options: RecoveryCallsOptions;
  readonly #desks = new Map<number, Desk>();

  constructor(options: RecoveryCallsOptions) {
    this.#options = options;
  }

  /** Makes a call; what it came to is told as an event. */
  async make(call: RecoveryCall): Promise<void> {
    const source = this.#options.nodes.get(call.place.sourceId);
    const target = this.#options.nodes.get(call.place.targetId);
    if (source === undefined || target === undefined) {
      if (call.kind === 'recoveryWrite') this.#tellNotSent(call);
      return;
    }
    try {
      await this.#make(call, { source, target });
    } catch (error) {
      if (!(error instanceof CallFault)) throw error;
      if (this.#desks.get(call.recovery)?.abort.signal.aborted !== false) return;
      this.#options.tell({
        kind: 'recoveryFailed',
        recovery: call.recovery,
        reason: error.message,
      });
    }
  }

  /** The worker ended: what is under way for it is cut, but for writes. */
  end(recovery: number): void {
    this.#desks.get(recovery)?.abort.abort();
    this.#desks.delete(recovery);
  }

  async #make(call: RecoveryCall, nodes: Nodes): Promise<void> {
    switch (call.kind) {
      case 'recoveryList':
        return await this.#list(call, nodes);
      case 'recoveryRead':
        return await this.#read(call, nodes);
      case 'recoveryWrite':
        return await this.#write(call, nodes.target);
      default:
        return await this.#compare(call, nodes);
    }
  }

  async #list(call: EffectOf<'recoveryList'>, nodes: Nodes): Promise<void> {
    const desk = this.#desk(call.recovery);
    let lists = await this.#listBoth(call.place, nodes, { fromSeq: call.fromSeq, desk });
    if (call.fromSeq > 0 && call.wanted.some((hash) => !desk.ids.has(hash))) {
      lists = await this.#listBoth(call.place, nodes, { fromSeq: 0, desk });
    }
    const { recovery } = call;
    this.#options.tell({ kind: 'recoveryListed', recovery, ...lists });
  }

  async #listBoth(
    place: RecoveryPlace,
    { source, target }: Nodes,
    of: { readonly fromSeq: number; readonly desk: Desk },
  ): Promise<{ source: ReadonlyMap<bigint, bigint>; target: ReadonlyMap<bigint, bigint> }> {
    const { desk, fromSeq } = of;
    const options = { fromSeq, signal: this.#signal(desk) };
    const lists = await Promise.all(
      [source, target].map((node) => listShard(node, shardOf(place), options)),
    );
    const [left, right] = lists;
    if (left?.kind !== 'list') throw new CallFault(left as ShardFault);
    if (right?.kind !== 'list') throw new CallFault(right as ShardFault);
    for (const { ids } of [left, right]) for (const [hash, id] of ids) desk.ids.set(hash, id);
    return { source: left.versions, target: right.versions };
  }

  /** Texts of these hashes; where one is unknown, both nodes are listed once more. */
  async #textsOf(
    place: RecoveryPlace,
    nodes: Nodes,
    of: { readonly hashes: readonly bigint[]; readonly desk: Desk },
  ): Promise<Map<bigint, string>> {
    const { hashes, desk } = of;
    if (hashes.some((hash) => !desk.ids.has(hash))) {
      await this.#listBoth(place, nodes, { fromSeq: 0, desk });
    }
    const texts = new Map<bigint, string>();
    for (const hash of hashes) {
      const text = desk.ids.get(hash);
      if (text !== undefined) texts.set(hash, text);
    }
    return texts;
  }

  async #read(call: EffectOf<'recoveryRead'>, nodes: Nodes): Promise<void> {
    const { recovery, place, hashes } = call;
    const desk = this.#desk(recovery);
    if (call.isNewPage) desk.page = new Map();
    const texts = await this.#textsOf(place, nodes, { hashes, desk });
    const read = await readDocuments(
      nodes.source,
      shardOf(place),
      [...texts.values()],
      this.#signal(desk),
    );
    if (read.kind !== 'documents') throw new CallFault(read);
    for (const hash of texts.keys()) desk.page.set(hash, read.documents.get(hash) ?? null);
    this.#options.tell({
      kind: 'recoveryRead',
      recovery,
      nowhere: hashes.filter((hash) => !texts.has(hash)),
      documentCount: texts.size,
      documentBytes: read.bytes,
    });
  }

  async #write(call: EffectOf<'recoveryWrite'>, target: ControlNode): Promise<void> {
    const { recovery, place, seq, tag } = call;
    const desk = this.#desk(recovery);
    const documents: Uint8Array[] = [];
    const deletedIds: string[] = [];
    for (const [hash, document] of desk.page) {
      if (document !== null) documents.push(document);
      else deletedIds.push(desk.ids.get(hash) ?? '');
    }
    desk.page = new Map();
    const page = { documents, deletedIds };
    const outcomes = await writePage(target, shardOf(place), page, {
      tag: (part) => `${tag}.${part}.rc`,
      signal: this.#options.signal,
    });
    failpoint('control.after-recovery-page');
    const partCount = partsOf(page);
    const results = outcomes.map((outcome, part) => reportOf(outcome, { part, partCount, target }));
    this.#options.tell({ kind: 'internalReport', seq, results, isComplete: true });
  }

  /** The node is gone: the step ends all the same. */
  #tellNotSent({ seq, place }: EffectOf<'recoveryWrite'>): void {
    const outcome = { kind: 'refused', status: 0, body: 'the node is gone' } as const;
    const results = [{ nodeId: place.targetId, part: 0, partCount: 1, outcome }];
    this.#options.tell({ kind: 'internalReport', seq, results, isComplete: true });
  }

  async #compare(call: EffectOf<'recoveryCompare'>, nodes: Nodes): Promise<void> {
    const { recovery, place, hashes } = call;
    const desk = this.#desk(recovery);
    const signal = this.#signal(desk);
    const pair = { left: nodes.source, right: nodes.target };
    const compared =
      hashes === null
        ? await compareShards(pair, shardOf(place), signal)
        : await compareDocuments(pair, shardOf(place), {
            ids: await this.#textsOf(place, nodes, { hashes, desk }),
            signal,
          });
    if (compared.kind !== 'compared') throw new CallFault(compared);
    for (const [hash, id] of compared.ids) desk.ids.set(hash, id);
    const { different, count } = compared;
    this.#options.tell({ kind: 'recoveryCompared', recovery, different, count });
  }

  #desk(recovery: number): Desk {
    const known = this.#desks.get(recovery);
    if (known !== undefined) return known;
    const desk: Desk = { ids: new Map(), page: new Map(), abort: new AbortController() };
    this.#desks.set(recovery, desk);
    return desk;
  }

  #signal(desk: Desk): AbortSignal {
    return AbortSignal.any([desk.abort.signal, this.#options.signal]);
  }
}

function shardOf({ indexUid, primaryKey, shard }: RecoveryPlace): ShardPlace {
  return { indexUid, primaryKey, shard };
}

function reportOf(
  outcome: PartOutcome,
  of: { readonly part: number; readonly partCount: number; readonly target: ControlNode },
): SendReport {
  const { part, partCount, target } = of;
  const base = { nodeId: target.id, part, partCount };
  switch (outcome.kind) {
    case 'enqueued':
      return { ...base, outcome };
    case 'refused':
      return {
        ...base,
        outcome: { kind: 'refused', status: outcome.status, body: outcome.reason },
      };
    default:
      return { ...base, outcome };
  }
}
