/**
 * The record as an annotation of one Lease (coordination.k8s.io/v1), whose own fields say the same to people and
 * other programs: who leads, since when, how often that changed. The API server offers the compare-and-swap:
 *
 *   read  GET; the API server reads from its etcd, linearizable, as no resourceVersion is given
 *   cas   GET, look whether the record is still the expected one, PUT with the resourceVersion of that GET:
 *         anybody's change in between is 409, a conflict. What others wrote into the object is kept.
 *   watch a stream of changes of that one object, taken as a hint
 *
 * A version is the object's uid and the record's nonce, so that a Lease deleted and made again, or restored from
 * a backup, has another. Needs get, create, update and watch of leases; the token is read again for each call,
 * since it is replaced while the pod runs.
 */
import { NodeClient } from '../../../core/meilisearch/client.ts';
import type { NodeCall, NodeOutcome } from '../../../core/meilisearch/outcome.ts';
import type { CertificateFiles } from '../../../core/tls/certificate-files.ts';
import type { Engine, EngineCasOutcome, EngineReadOutcome, EngineRecord } from '../engine.ts';
import { listenForHints } from './hints.ts';
import { decodeRecord, encodeRecord } from './record.ts';

const ANNOTATION = 'miroir/record';
const API = '/apis/coordination.k8s.io/v1';
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const CONNECTIONS = 4;
const WATCH_SECONDS = 55;

/** How the API server is reached. */
export interface KubernetesEngineOptions {
  /** For instance `https://10.96.0.1:443`. */
  readonly url: string;
  readonly namespace: string;
  readonly lease: string;
  /** Of the service account; asked for each call. */
  readonly token: () => string;
  readonly certificates?: CertificateFiles | undefined;
  /** Longest that a `read` or `cas` takes in all; below the period in which the record must be renewed. */
  readonly callTimeoutMs: number;
  /** Shown in the Lease: after how long without change others may take over. */
  readonly expiryMs: number;
  /** Only shown in the Lease. */
  readonly wallMs: () => number;
}

/** What is used of a Lease; the rest is passed on as it came. */
interface Lease {
  readonly metadata: {
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly holderIdentity?: string; readonly acquireTime?: string };
}

type Found =
  | { readonly kind: 'lease'; readonly lease: Lease; readonly text: string | undefined }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly reason: string };

/** The driver. */
export class KubernetesEngine implements Engine {
  readonly #options: KubernetesEngineOptions;
  readonly #client: NodeClient;
  readonly #folder: string;
  readonly #listening = new Set<() => void>();

  constructor(options: KubernetesEngineOptions) {
    this.#options = options;
    const { certificates, callTimeoutMs: connectTimeoutMs } = options;
    const connections = CONNECTIONS;
    this.#client = new NodeClient(options.url, { connections, connectTimeoutMs, certificates });
    this.#folder = `${API}/namespaces/${encodeURIComponent(options.namespace)}/leases`;
  }

  async read(signal: AbortSignal): Promise<EngineReadOutcome> {
    const found = await this.#find(signal, this.#options.callTimeoutMs);
    if (found.kind === 'failed') return found;
    if (found.kind === 'none' || found.text === undefined) return { kind: 'absent' };
    const record = decodeRecord(found.text);
    if (typeof record === 'string') return { kind: 'failed', reason: record };
    return { kind: 'record', version: versionOf(found.lease, record), record };
  }

  async cas(
    version: string | null,
    record: EngineRecord,
    signal: AbortSignal,
  ): Promise<EngineCasOutcome> {
    const endMs = performance.now() + this.#options.callTimeoutMs;
    const found = await this.#find(signal, this.#options.callTimeoutMs);
    if (found.kind === 'failed') return { kind: 'unknown', reason: found.reason };
    const lease = found.kind === 'lease' ? found.lease : undefined;
    if (currentVersion(found) !== version) return { kind: 'conflict' };
    const limitMs = endMs - performance.now();
    const outcome = await this.#call(
      {
        method: lease === undefined ? 'POST' : 'PUT',
        path: lease === undefined ? this.#folder : this.#path(),
        body: JSON.stringify(this.#leaseWith(lease, record)),
      },
      signal,
      limitMs,
    );
    if (outcome.kind !== 'answered') return { kind: 'unknown', reason: failureOf(outcome) };
    // 404: it was deleted since the GET, so there is nothing of that version any more.
    if (outcome.status === 409 || outcome.status === 404) return { kind: 'conflict' };
    const written = outcome.status < 300 ? parseLease(outcome.body) : undefined;
    if (written === undefined) return { kind: 'unknown', reason: failureOf(outcome) };
    return { kind: 'ok', version: versionOf(written, record) };
  }

  watch(onHint: () => void): () => void {
    const name = encodeURIComponent(`metadata.name=${this.#options.lease}`);
    const path = `${this.#folder}?watch=true&fieldSelector=${name}&timeoutSeconds=${WATCH_SECONDS}`;
    const stop = listenForHints(
      () => ({ client: this.#client, call: { method: 'GET', path, headers: this.#headers() } }),
      onHint,
    );
    this.#listening.add(stop);
    return () => {
      this.#listening.delete(stop);
      stop();
    };
  }

  async close(): Promise<void> {
    for (const stop of this.#listening) stop();
    this.#listening.clear();
    await this.#client.close();
  }

  async #find(signal: AbortSignal, limitMs: number): Promise<Found> {
    const outcome = await this.#call({ method: 'GET', path: this.#path() }, signal, limitMs);
    if (outcome.kind !== 'answered') return { kind: 'failed', reason: failureOf(outcome) };
    const lease = outcome.status === 200 ? parseLease(outcome.body) : undefined;
    if (lease !== undefined)
      return { kind: 'lease', lease, text: lease.metadata.annotations?.[ANNOTATION] };
    if (outcome.status === 404 && isStatus(outcome.body)) return { kind: 'none' };
    return { kind: 'failed', reason: failureOf(outcome) };
  }

  #call(
    call: Pick<NodeCall, 'method' | 'path' | 'body'>,
    signal: AbortSignal,
    limitMs: number,
  ): Promise<NodeOutcome> {
    if (limitMs <= 0) return Promise.resolve({ kind: 'timeout', afterMs: 0 });
    const deadlineMs = Math.ceil(limitMs);
    let headers: Record<string, string>;
    try {
      headers = this.#headers();
    } catch (error) {
      return Promise.resolve({ kind: 'refused', reason: (error as Error).message });
    }
    const bounds = { deadlineMs, answerBytesMax: ANSWER_BYTES_MAX, signal };
    return this.#client.call({ ...call, ...bounds, headers });
  }

  #path(): string {
    return `${this.#folder}/${encodeURIComponent(this.#options.lease)}`;
  }

  #headers(): Record<string, string> {
    return {
      authorization: `Bearer ${this.#options.token()}`,
      accept: 'application/json',
      'content-type': 'application/json',
    };
  }

  #leaseWith(lease: Lease | undefined, record: EngineRecord): object {
    const now = new Date(this.#options.wallMs()).toISOString().replace('Z', '000Z');
    const isSameHolder = record.leader !== '' && lease?.spec?.holderIdentity === record.leader;
    const acquireTime = isSameHolder ? (lease?.spec?.acquireTime ?? now) : now;
    const { holderIdentity: _, acquireTime: __, ...kept } = lease?.spec ?? {};
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...lease?.metadata,
        name: this.#options.lease,
        namespace: this.#options.namespace,
        annotations: { ...lease?.metadata.annotations, [ANNOTATION]: encodeRecord(record) },
      },
      spec: {
        ...kept,
        // No leader is no identity: an empty one is not valid.
        ...(record.leader === '' ? {} : { holderIdentity: record.leader, acquireTime }),
        leaseDurationSeconds: Math.ceil(this.#options.expiryMs / 1_000),
        leaseTransitions: record.epoch,
        renewTime: now,
      },
    };
  }
}

/** Null if there is no record; undefined, like no version, if it cannot be read. */
function currentVersion(found: Exclude<Found, { kind: 'failed' }>): string | null | undefined {
  if (found.kind === 'none' || found.text === undefined) return null;
  const record = decodeRecord(found.text);
  return typeof record === 'string' ? undefined : versionOf(found.lease, record);
}

function versionOf(lease: Lease, record: EngineRecord): string {
  return `${lease.metadata.uid ?? ''} ${record.nonce}`;
}

function parseLease(body: Uint8Array): Lease | undefined {
  const value = parse(body) as (Partial<Lease> & { readonly kind?: string }) | undefined;
  return value?.kind === 'Lease' && value.metadata !== undefined ? (value as Lease) : undefined;
}

/** Whether the API server itself says so, not something on the way. */
function isStatus(body: Uint8Array): boolean {
  return (parse(body) as { readonly kind?: string } | undefined)?.kind === 'Status';
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString()) ?? undefined;
  } catch {
    return undefined;
  }
}

function failureOf(outcome: NodeOutcome): string {
  if (outcome.kind === 'answered') {
    const { message = '' } = (parse(outcome.body) ?? {}) as { readonly message?: string };
    return `the API server answered ${outcome.status} ${message}`.trim().slice(0, 300);
  }
  if (outcome.kind === 'timeout')
    return `the API server did not answer in ${Math.round(outcome.afterMs)} ms`;
  return 'reason' in outcome
    ? `the API server: ${outcome.reason}`
    : `the API server: ${outcome.kind}`;
}
