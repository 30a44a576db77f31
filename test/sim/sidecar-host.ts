/**
 * A sidecar's process: follows the view, holds the topology lease (2 s, confirmed each 500 ms and at each
 * new view), knows which nodes it may use, and runs the production session of every write it was given.
 */
import { COPY_STATES, type CopyState } from '../../core/topology.ts';
import type { Index } from '../../proto/gen/miroir/cluster/v1/cluster.ts';
import type { Publication } from './control-host.ts';
import type { ClientWrite } from './documents.ts';
import type { ModelNode } from './node.ts';
import type { World } from './world.ts';
import { WriteSession } from './write-session.ts';

const CONFIRM_MS = 500;
const TOPOLOGY_LEASE_MS = 2_000;
const NO_COPY = 0xffff;

/** A copy as a reader sees it. */
export interface SeenCopy {
  readonly nodeId: string;
  readonly state: CopyState;
}

/** An index as a reader sees it. */
export interface SeenIndex {
  readonly id: string;
  readonly uid: string;
  readonly isVisible: boolean;
  readonly shardCount: number;
  /** By shard. */
  readonly copies: readonly (readonly SeenCopy[])[];
  readonly foreignNodeIds: readonly string[];
}

/** What the sidecar knows of a node's connection. */
interface NodeLink {
  /** Of the process it is connected to. */
  incarnation: number;
  /** Usable once the view holds this; infinite until control confirmed the node. */
  usableFrom: number;
  isAsking: boolean;
}

/** One sidecar. */
export class SidecarHost {
  readonly place: number;
  /** Rises with each process. */
  life = 1;
  pausedUntilMs = 0;
  readonly sessions = new Set<WriteSession>();
  /** Index in control's log of the view it holds; -1 while it has none. */
  viewIndex = -1;
  view = new Map<string, SeenIndex>();
  #leaseUntilMs = 0;
  #isWatching = false;
  /** Messages of a stream arrive in order. */
  #lastMessageMs = 0;
  #stream = 0;
  #requestNumber = 0;
  readonly #links = new Map<string, NodeLink>();
  readonly #world: World;

  constructor(world: World, place: number) {
    this.#world = world;
    this.place = place;
    this.#start();
  }

  /** Id of this process: another one after a restart. */
  get id(): string {
    return `s${this.place}.${this.life}`;
  }

  get isPaused(): boolean {
    return this.#world.clock.nowMs < this.pausedUntilMs;
  }

  /** Whether answers need no label: the view is as new as it must be. */
  get hasLease(): boolean {
    return this.viewIndex >= 0 && this.#world.clock.nowMs < this.#leaseUntilMs;
  }

  /** Runs something of this process when it is not paused, unless it died meanwhile. */
  later(delayMs: number, run: () => void): void {
    const { life } = this;
    const { clock } = this.#world;
    const attempt = (): void => {
      if (life !== this.life) return;
      // What waited goes on in the order in which it came, before anything that comes later.
      if (this.isPaused) clock.at(this.pausedUntilMs, attempt);
      else run();
    };
    clock.in(delayMs, attempt);
  }

  /** Wraps an answer from outside: it is taken in when the process runs. */
  whenRunning<Value>(take: (value: Value) => void): (value: Value) => void {
    const { life } = this;
    return (value) => {
      if (life !== this.life) return;
      if (this.isPaused) this.later(0, () => take(value));
      else take(value);
    };
  }

  /** Begins a client's write; `onAnswer` is called when its client waits no more. */
  write(write: ClientWrite, onAnswer: () => void): void {
    this.#requestNumber += 1;
    const session = new WriteSession(this.#world, this, {
      write,
      requestNumber: String(this.#requestNumber),
      onReply: onAnswer,
      onEnd: () => {
        this.sessions.delete(session);
        // A client that went away was told nothing.
        onAnswer();
      },
    });
    this.sessions.add(session);
    session.start();
  }

  /** Dies; a new process takes its place. */
  crash(): void {
    const { clock, random, coverage } = this.#world;
    coverage.hit('sidecar died');
    this.#world.trace(() => `sidecar ${this.id} dies`);
    this.life += 1;
    this.pausedUntilMs = 0;
    for (const session of this.sessions) session.orphan();
    this.sessions.clear();
    this.viewIndex = -1;
    this.view = new Map();
    this.#leaseUntilMs = 0;
    this.#isWatching = false;
    this.#stream += 1;
    this.#links.clear();
    const { life } = this;
    clock.in(this.#world.isHealed ? 20 : random.between(20, 1_500), () => {
      if (life === this.life) this.#start();
    });
  }

  /** The stream of views broke: it is opened anew. */
  breakWatch(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    this.#stream += 1;
    this.later(this.#world.random.between(5, 200), () => this.#watch());
  }

  /** All its connections to a node broke; what is there now may be another process. */
  loseConnections(nodeId: string): void {
    this.#links.delete(nodeId);
  }

  /** Control tells of a commit. */
  takePublication(publication: Publication): void {
    if (this.#isWatching) this.#deliver(publication, false);
  }

  /** Whether it may call the node now; asks control about a node that began anew. */
  mayUse(node: ModelNode): boolean {
    const link = this.#links.get(node.id);
    if (link === undefined) {
      // The first connection of this process: nothing is known of what came before.
      this.#links.set(node.id, this.#newLink(node));
      this.#confirmNode(node);
      return false;
    }
    if (link.incarnation !== node.incarnation) {
      this.#links.set(node.id, this.#newLink(node));
      this.#confirmNode(node);
      return false;
    }
    if (link.usableFrom === Number.POSITIVE_INFINITY) this.#confirmNode(node);
    return node.isUp && this.viewIndex >= link.usableFrom;
  }

  #newLink(node: ModelNode): NodeLink {
    return {
      incarnation: node.incarnation,
      usableFrom: Number.POSITIVE_INFINITY,
      isAsking: false,
    };
  }

  #confirmNode(node: ModelNode): void {
    const link = this.#links.get(node.id);
    if (link === undefined || link.isAsking || !node.isUp) return;
    link.isAsking = true;
    const answered = this.whenRunning((reply: unknown) => {
      link.isAsking = false;
      const index = confirmedIndex(reply, this.#world);
      if (index !== undefined && link.incarnation === node.incarnation) link.usableFrom = index;
    });
    this.#world.control.call(
      (ticket, now) => ({ kind: 'confirmNode', nodeId: node.id, ticket, now }),
      // The position in the answer is the one of its commit.
      (effect) => {
        answered(
          effect === undefined ? undefined : { effect, index: this.#world.control.disk.index },
        );
      },
    );
  }

  #start(): void {
    this.#watch();
    this.#confirmAgain();
  }

  #watch(): void {
    if (this.#isWatching) return;
    const { control, random, clock } = this.#world;
    if (!control.isSettled) {
      this.later(random.between(1, 20), () => this.#watch());
      return;
    }
    this.#isWatching = true;
    this.#lastMessageMs = clock.nowMs;
    control.submit((now) => ({ kind: 'watchOpened', sidecarId: this.id, now }), control.life);
    this.#deliver(control.wholeView(), true);
  }

  #deliver(publication: Publication, isWhole: boolean): void {
    const { clock, random, rates, coverage } = this.#world;
    // A new leader has all to tell at once.
    const isStale = random.chance(rates.staleView * (isWhole ? 0.4 : 0.15));
    if (isStale) coverage.hit('view delayed');
    const delayMs = isStale ? random.between(50, 3_500) : 1 + random.next() * 3;
    // One after another, whatever the sums of times are rounded to.
    this.#lastMessageMs = Math.max(this.#lastMessageMs + 0.001, clock.nowMs + delayMs);
    const stream = this.#stream;
    this.later(this.#lastMessageMs - clock.nowMs, () => {
      if (stream !== this.#stream) return;
      this.#takeView(publication, isWhole);
    });
  }

  #takeView(publication: Publication, isWhole: boolean): void {
    if (publication.index < this.viewIndex) {
      this.#world.fail(
        'I8: the watch stream goes back',
        `${publication.index} < ${this.viewIndex}`,
      );
    }
    if (isWhole) this.view = new Map();
    for (const [uid, entry] of publication.entries) {
      if (entry === undefined) this.view.delete(uid);
      else this.view.set(uid, readEntry(entry));
    }
    this.viewIndex = publication.index;
    this.#confirm();
  }

  #confirmAgain(): void {
    this.later(CONFIRM_MS, () => {
      this.#confirm();
      this.#confirmAgain();
    });
  }

  #confirm(): void {
    if (this.viewIndex < 0) return;
    const { clock, control } = this.#world;
    const askedMs = clock.nowMs;
    const { viewIndex } = this;
    control.call(
      (ticket, now) => ({ kind: 'confirm', sidecarId: this.id, index: viewIndex, ticket, now }),
      this.whenRunning((effect) => {
        if (effect?.kind !== 'confirmReply') return;
        if (effect.leaseMs === 0) {
          this.#leaseUntilMs = 0;
          this.breakWatch();
          return;
        }
        this.#leaseUntilMs = Math.max(
          this.#leaseUntilMs,
          askedMs + Math.min(effect.leaseMs, TOPOLOGY_LEASE_MS),
        );
      }),
    );
  }
}

function confirmedIndex(reply: unknown, _world: World): number | undefined {
  const answer = reply as
    | {
        readonly effect: { readonly kind: string; readonly isConfirmed?: boolean };
        readonly index: number;
      }
    | undefined;
  if (answer?.effect.kind !== 'confirmNodeReply' || answer.effect.isConfirmed !== true)
    return undefined;
  return answer.index;
}

function readEntry(entry: Index): SeenIndex {
  const { shardCount, copiesPerShard, owners, copyStates, nodeIds } = entry;
  const copies: SeenCopy[][] = [];
  for (let shard = 0; shard < shardCount; shard += 1) {
    const ofShard: SeenCopy[] = [];
    for (let slot = shard * copiesPerShard; slot < (shard + 1) * copiesPerShard; slot += 1) {
      const place = owners.readUInt16LE(slot * 2);
      if (place === NO_COPY) continue;
      ofShard.push({
        nodeId: nodeIds[place] as string,
        state: COPY_STATES[copyStates[slot] as number] as CopyState,
      });
    }
    copies.push(ofShard);
  }
  return {
    id: entry.id,
    uid: entry.uid,
    isVisible: entry.visible,
    shardCount,
    copies,
    foreignNodeIds: entry.foreignNodeIds,
  };
}
