/**
 * Which copies a read asks, and asking them: the covering set without nodes that are slow, hot or in
 * doubt, and a second try at other copies where an answer is late. An index with one copy of each shard
 * has nothing to choose: none of this costs it anything.
 */
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import {
  type CoveringOptions,
  type CoveringSet,
  coveringSet,
  heldCountOf,
  readableCopies,
  type ShardRead,
} from '../../core/placement/index.ts';
import type { ClusterView, IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import type { CopyHealth, Spared } from '../copies/chooser.ts';
import { hedge, OVERTAKEN } from '../copies/hedge.ts';
import { operationOf } from './ask.ts';
import type { RouteContext } from './context.ts';

/** A second try asks no more nodes than this. */
const SECOND_NODES_MAX = 3;

/** What is the same for all reads of an index. */
interface CopyFacts {
  /** Nodes with a copy that may be read. */
  readonly nodeIds: readonly NodeId[];
  /** Some shard has several copies that may be read. */
  readonly hasChoice: boolean;
}

/** Entries never change: a changed index is a new entry. */
const facts = new WeakMap<IndexEntry, CopyFacts>();

function factsOf(entry: IndexEntry): CopyFacts {
  let known = facts.get(entry);
  if (known === undefined) {
    const readable = entry.owners.map(readableCopies);
    const nodeIds = [...new Set(readable.flatMap((copies) => copies.map(({ nodeId }) => nodeId)))];
    known = { nodeIds, hasChoice: readable.some((copies) => copies.length > 1) };
    facts.set(entry, known);
  }
  return known;
}

/** Whether some shard has several copies that may be read. */
export function hasChoice(entry: IndexEntry): boolean {
  return factsOf(entry).hasChoice;
}

/** What narrows a choice; which nodes are spared is known here. */
export type Narrowing = Pick<CoveringOptions, 'stickyKey' | 'shards' | 'excluded'>;

/** The copies to read. */
export function coverFor(
  context: RouteContext,
  entry: IndexEntry,
  narrowing: Narrowing = {},
): CoveringSet {
  const foreign = entry.foreignNodes ?? NONE;
  if (!hasChoice(entry)) return coveringSet(entry.owners, { ...narrowing, foreign });
  const { view } = context;
  const groupOf = (nodeId: NodeId): number | undefined => view.nodes.get(nodeId)?.group;
  const spared = sparedIn(context, entry);
  return coveringSet(entry.owners, { ...narrowing, ...spared, foreign, groupOf });
}

const NONE: ReadonlySet<NodeId> = new Set();

/** Nodes with a readable copy of the index, those to be spared last. */
export function readableNodes(context: RouteContext, entry: IndexEntry): NodeId[] {
  const { nodeIds } = factsOf(entry);
  if (nodeIds.length < 2) return [...nodeIds];
  const { avoided, doubted } = sparedIn(context, entry);
  const rank = (id: NodeId): number => (doubted.has(id) ? 2 : avoided.has(id) ? 1 : 0);
  return [...nodeIds].sort((left, right) => rank(left) - rank(right));
}

function sparedIn(context: RouteContext, entry: IndexEntry): Spared {
  const { copies } = context.services;
  return copies.spare(readKey(context, entry), factsOf(entry).nodeIds, isReadableIn(context));
}

/** What is known of a node as a place to read the index; undefined where there is nothing to choose. */
export function healthOf(
  context: RouteContext,
  entry: IndexEntry,
  nodeId: NodeId,
): CopyHealth | undefined {
  if (!hasChoice(entry)) return undefined;
  const { nodeIds } = factsOf(entry);
  const { copies } = context.services;
  return copies.describe(readKey(context, entry), nodeId, nodeIds, isReadableIn(context));
}

function isReadableIn({ services, view }: RouteContext): (nodeId: NodeId) => boolean {
  return (nodeId) => services.nodes.isReadable(nodeId, view.position);
}

/** Latencies are compared among reads of one sort of one index. */
function readKey(context: RouteContext, entry: IndexEntry): string {
  return `${entry.id} ${operationOf(context.template)}`;
}

/** A part of a read that one node answers. */
interface Part {
  readonly nodeId: NodeId;
}

/** What a node's answer was made into, and how the call to it ended. */
export interface Said<Answer> {
  readonly answer: Answer;
  readonly outcome: NodeOutcome;
}

/** One part of a read, with the means to ask it of other copies. */
export interface CopyRead<Item extends Part, Answer> {
  readonly entry: IndexEntry;
  readonly first: Item;
  /** The same of other copies; empty if there are none. */
  readonly others: () => readonly Item[];
  readonly ask: (part: Item, signal: AbortSignal) => Promise<Said<Answer>>;
  readonly isGood: (answer: Answer) => boolean;
}

/** Asks for a part, and other copies for the same where the answer is late. One answer per node used. */
export async function askCopies<Item extends Part, Answer>(
  context: RouteContext,
  read: CopyRead<Item, Answer>,
): Promise<readonly Answer[]> {
  const { services, request } = context;
  const { nodeIds } = factsOf(read.entry);
  if (!hasChoice(read.entry)) return [(await read.ask(read.first, request.signal)).answer];
  const { copies, metrics } = services;
  const key = readKey(context, read.entry);
  const ask = async (part: Item, signal: AbortSignal): Promise<Answer> => {
    const end = copies.begin(key, part.nodeId);
    const { answer, outcome } = await read.ask(part, signal);
    const isOvertaken = outcome.kind === 'aborted' && signal.reason === OVERTAKEN;
    end(isOvertaken ? { kind: 'overtaken' } : outcome);
    return answer;
  };
  return hedge({
    delayMs: copies.hedgeDelayMs(key, nodeIds),
    budget: copies.budget,
    signal: request.signal,
    first: async (signal) => [await ask(read.first, signal)],
    second: () => {
      const parts = read.others();
      if (parts.length === 0 || parts.length > SECOND_NODES_MAX) return undefined;
      return {
        count: parts.length,
        ask: (signal) => Promise.all(parts.map((part) => ask(part, signal))),
      };
    },
    isGood: (answers) => answers.every(read.isGood),
    onHedge: (outcome) => metrics.hedges.inc({ outcome }),
  });
}

/** The covering set of other copies, if they have all of it and none of them is in doubt. */
export function otherCopies(
  context: RouteContext,
  entry: IndexEntry,
  tried: { readonly nodeId: NodeId; readonly shards: readonly number[] },
): CoveringSet | undefined {
  const excluded = new Set([tried.nodeId]);
  const covering = coverFor(context, entry, { shards: tried.shards, excluded });
  const { doubted } = sparedIn(context, entry);
  const isSure = covering.reads.every(({ nodeId }) => !doubted.has(nodeId));
  return isSure && covering.uncovered.length === 0 ? covering : undefined;
}

/**
 * Whether an answer still counts. A copy that was readable when it was asked may have been taken away
 * meanwhile, and what it shows then may be half made anew; a node asked without the internal filter may
 * have got other shards. Both only if the view changed in between.
 */
export function stillCounts(context: RouteContext, entry: IndexEntry, read: ShardRead): boolean {
  const { entry: now } = newestView(context, entry);
  const { nodeId, shards } = read;
  if (now.owners === entry.owners && now.foreignNodes?.size === entry.foreignNodes?.size)
    return true;
  const isReadable = shards.every((shard) =>
    now.owners[shard]?.some(
      (copy) => copy.nodeId === nodeId && (copy.state === 'in-sync' || copy.state === 'held'),
    ),
  );
  const wasWhole = read.isWhole && heldCountOf(entry.owners, nodeId) === shards.length;
  if (!isReadable || !wasWhole) return isReadable;
  return heldCountOf(now.owners, nodeId) === shards.length && !now.foreignNodes?.has(nodeId);
}

/** The newest view, where it still holds the index, and else the request's own. */
export function newestView(
  context: RouteContext,
  entry: IndexEntry,
): { readonly view: ClusterView; readonly entry: IndexEntry } {
  const { view } = context;
  const newest = context.services.view() ?? view;
  const now = newest.indexes.get(entry.uid);
  return now?.id === entry.id ? { view: newest, entry: now } : { view, entry };
}
