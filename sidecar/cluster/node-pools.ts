/** One client per node of the newest view. A node that leaves the view loses its connections. */
import { NodeClient } from '../../core/meilisearch/client.ts';
import type { NodeCall, NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { CertificateFiles } from '../../core/tls/certificate-files.ts';
import type { ClusterNode, Position } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { GATE_WAIT_MS_MAX, type GateOptions, NodeGate } from './node-gate.ts';

/** What a call must be sure of. */
export interface CallTerms {
  /**
   * A read by a view of this position: refused if control found out more about the node since, and no
   * answer if the node's connection was lost meanwhile.
   */
  readonly position?: Position;
  /** A write: refused unless control looked at the node since its last connection was lost. */
  readonly isWrite?: boolean;
}

/** Why a call was refused that a newer view may allow. */
export const UNCONFIRMED = 'control has not looked at this node yet';

/** Calls nodes by their id. */
export interface NodeCaller {
  /**
   * `refused` if the view holds no such node, or if what it holds is in doubt (node-gate.ts): a node that
   * is being looked at is waited for, at most 2 s.
   */
  call(nodeId: NodeId, call: NodeCall, terms?: CallTerms): Promise<NodeOutcome>;
  /** Whether control looked at the node since its last connection was lost: what a write needs. */
  isConfirmed(nodeId: NodeId): boolean;
  /** Whether the node may be read with a view of this position, without waiting. */
  isReadable(nodeId: NodeId, position: Position): boolean;
}

interface Held {
  readonly client: NodeClient;
  readonly gate: NodeGate;
}

/** What the pools need to open a node's gate. */
export interface NodePoolsOptions {
  readonly gate: (nodeId: NodeId) => GateOptions;
  /** For nodes with https URLs. */
  readonly certificates?: CertificateFiles | undefined;
}

/** NodeCaller with one connection pool per node. */
export class NodePools implements NodeCaller {
  readonly #options: NodePoolsOptions;
  readonly #nodes = new Map<NodeId, Held>();

  constructor(options: NodePoolsOptions) {
    this.#options = options;
  }

  call(nodeId: NodeId, call: NodeCall, terms: CallTerms = {}): Promise<NodeOutcome> {
    const held = this.#nodes.get(nodeId);
    if (held === undefined) {
      return Promise.resolve({ kind: 'refused', reason: 'not a node of the cluster' });
    }
    if (isAllowed(held.gate, terms)) return callThrough(held, call, terms);
    return this.#callLater(held, call, terms);
  }

  isConfirmed(nodeId: NodeId): boolean {
    return this.#nodes.get(nodeId)?.gate.isConfirmed === true;
  }

  isReadable(nodeId: NodeId, position: Position): boolean {
    return this.#nodes.get(nodeId)?.gate.isReadable(position) === true;
  }

  /** Makes the pools match the view: new nodes and changed addresses get a pool, gone ones lose theirs. */
  update(nodes: ReadonlyMap<NodeId, ClusterNode>): void {
    for (const [id, held] of this.#nodes) {
      if (nodes.get(id)?.url === held.client.url) continue;
      this.#nodes.delete(id);
      void close(held);
    }
    for (const [id, { url }] of nodes) {
      if (this.#nodes.has(id)) continue;
      const { certificates } = this.#options;
      const gate = new NodeGate(url, { ...this.#options.gate(id), certificates });
      this.#nodes.set(id, { client: new NodeClient(url, { certificates }), gate });
    }
  }

  async close(): Promise<void> {
    const held = [...this.#nodes.values()];
    this.#nodes.clear();
    await Promise.all(held.map(close));
  }

  async #callLater(held: Held, call: NodeCall, terms: CallTerms): Promise<NodeOutcome> {
    const startedAtMs = performance.now();
    await held.gate.settled(Math.min(call.deadlineMs, GATE_WAIT_MS_MAX));
    if (call.signal?.aborted === true) return { kind: 'aborted' };
    if (!isAllowed(held.gate, terms)) return { kind: 'refused', reason: UNCONFIRMED };
    const deadlineMs = call.deadlineMs - (performance.now() - startedAtMs);
    if (deadlineMs <= 0) return { kind: 'timeout', afterMs: call.deadlineMs };
    return callThrough(held, { ...call, deadlineMs }, terms);
  }
}

function isAllowed(gate: NodeGate, terms: CallTerms): boolean {
  return terms.isWrite === true ? gate.isConfirmed : gate.isReadable(terms.position);
}

function callThrough(held: Held, call: NodeCall, terms: CallTerms): Promise<NodeOutcome> {
  const calling = held.client.call(call);
  if (terms.position === undefined) return calling;
  const { incarnation } = held.gate;
  return calling.then((outcome) => {
    const isOther = incarnation !== held.gate.incarnation && outcome.kind === 'answered';
    return isOther ? { kind: 'reset', reason: 'restarted' } : outcome;
  });
}

async function close({ client, gate }: Held): Promise<void> {
  await Promise.all([client.close(), gate.close()]);
}
