/**
 * One node as control talks to it: JSON calls with the master key, every end a value. `isSurelyUndone`
 * tells whether a failed call may have been done after all.
 */
import { NodeClient } from '../../core/meilisearch/client.ts';
import type { NodeCall, NodeOutcome } from '../../core/meilisearch/outcome.ts';
import type { CertificateFiles } from '../../core/tls/certificate-files.ts';

const DEADLINE_MS = 10_000;
const CONNECTIONS = 16;

/** What a call came to. */
export type NodeAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly isSurelyUndone: boolean;
      /** It did not answer in time: it may only be busy. */
      readonly isSilence: boolean;
    };

/** A call without what every call has. */
export interface ControlCall {
  readonly method: NodeCall['method'];
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Instead of the master key. */
  readonly authorization?: string;
  readonly contentType?: string;
}

/** A node. */
export class ControlNode {
  readonly id: string;
  readonly url: string;
  readonly #client: NodeClient;
  readonly #masterKey: () => string;

  constructor(id: string, url: string, masterKey: () => string, certificates?: CertificateFiles) {
    this.id = id;
    this.url = url;
    this.#client = new NodeClient(url, { connections: CONNECTIONS, certificates });
    this.#masterKey = masterKey;
  }

  /** Makes one call. Never throws. */
  async call(call: ControlCall): Promise<NodeAnswer> {
    const authorization = call.authorization ?? `Bearer ${this.#masterKey()}`;
    const outcome = await this.#client.call({
      method: call.method,
      path: call.path,
      headers: {
        ...(authorization === '' ? {} : { authorization }),
        ...(call.body === undefined ? {} : contentTypeOf(call)),
      },
      ...(call.body === undefined ? {} : { body: call.body }),
      deadlineMs: call.deadlineMs ?? DEADLINE_MS,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    switch (outcome.kind) {
      case 'answered':
        return {
          kind: 'answer',
          status: outcome.status,
          text: Buffer.from(outcome.body).toString('utf8'),
        };
      case 'refused':
        return failed(outcome.reason, { isSurelyUndone: true });
      case 'reset':
        return failed(outcome.reason, {});
      case 'timeout':
        return failed(`silent for ${outcome.afterMs} ms`, { isSilence: true });
      default:
        return failed(outcome.kind, {});
    }
  }

  /** One call with bytes out and bytes in: for documents, which are never parsed. Never throws. */
  exchange(call: Omit<NodeCall, 'headers'>): Promise<NodeOutcome> {
    const authorization = `Bearer ${this.#masterKey()}`;
    const type = call.body === undefined ? {} : { 'content-type': 'application/json' };
    return this.#client.call({ ...call, headers: { authorization, ...type } });
  }

  /** A GET that must answer 200 with JSON; undefined for anything else. */
  async read<Kind>(path: string, signal?: AbortSignal): Promise<Kind | undefined> {
    const answer = await this.call({
      method: 'GET',
      path,
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.kind !== 'answer' || answer.status !== 200) return undefined;
    try {
      return JSON.parse(answer.text) as Kind;
    } catch {
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function failed(
  reason: string,
  how: { readonly isSurelyUndone?: boolean; readonly isSilence?: boolean },
): NodeAnswer {
  const { isSurelyUndone = false, isSilence = false } = how;
  return { kind: 'failed', reason, isSurelyUndone, isSilence };
}

/** An empty one is a client's own: it sent none. */
function contentTypeOf(call: ControlCall): Record<string, string> {
  const type = call.contentType ?? 'application/json';
  return type === '' ? {} : { 'content-type': type };
}
