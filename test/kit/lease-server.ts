/**
 * A stub of the Kubernetes API server, NOT Kubernetes: leases alone, as its documentation says they behave. It
 * gives each object a uid and each change a resourceVersion, refuses a PUT of another version or uid with 409,
 * a second POST with 409, an unknown token with 401, checks the fields of a Lease that the driver sets, and
 * streams changes to those that watch. No cluster was asked whether all that is so.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

const BODY_BYTES_MAX = 1024 * 1024;
const FOLDER = /^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/([^/]+)\/leases(?:\/([^/]+))?$/;

/** A Lease as far as it is looked into. */
export interface StoredLease {
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
  };
  spec: {
    holderIdentity?: string;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
    leaseDurationSeconds?: number;
  };
}

/** The stub. */
export class LeaseServer {
  readonly leases = new Map<string, StoredLease>();
  readonly #server: Server;
  readonly #watchers = new Set<{ readonly name: string; readonly response: ServerResponse }>();
  /** Tokens that are known; a request needs one. */
  tokens = new Set(['token-1']);
  /** Answers this status to everything, if set. */
  failure: number | undefined;
  #version = 100;
  port = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a port of its own choice, with TLS if it is given a certificate. */
  static async start(certificate?: { readonly cert: Buffer; readonly key: Buffer }) {
    const server = certificate === undefined ? createServer() : createSecureServer(certificate);
    const stub = new LeaseServer(server);
    server.on('request', (request, response) => stub.#take(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stub.port = (server.address() as { port: number }).port;
    return stub;
  }

  /** Changes an object as somebody else would. */
  touch(name: string, change: (lease: StoredLease) => void): void {
    const lease = this.leases.get(name);
    if (lease === undefined) throw new Error(`no lease ${name}`);
    change(lease);
    this.#changed(lease, 'MODIFIED');
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) request.destroy();
      else chunks.push(chunk);
    });
    request.on('end', () => this.#answer(request, Buffer.concat(chunks).toString(), response));
  }

  #answer(request: IncomingMessage, body: string, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://stub');
    const [, namespace = '', name] = FOLDER.exec(url.pathname) ?? [];
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (this.failure !== undefined) send(response, status(this.failure, 'InternalError'));
    else if (!this.tokens.has(token)) send(response, status(401, 'Unauthorized'));
    else if (namespace === '') send(response, status(404, 'NotFound'));
    else if (name === undefined && request.method === 'GET') this.#watch(url, response);
    else if (name === undefined && request.method === 'POST') {
      send(response, this.#create(namespace, JSON.parse(body) as StoredLease));
    } else if (name !== undefined && request.method === 'GET') {
      const lease = this.leases.get(name);
      send(response, lease === undefined ? status(404, 'NotFound') : [200, lease]);
    } else if (name !== undefined && request.method === 'PUT') {
      send(response, this.#replace(name, JSON.parse(body) as StoredLease));
    } else send(response, status(405, 'MethodNotAllowed'));
  }

  #create(namespace: string, lease: StoredLease): Reply {
    const { name } = lease.metadata;
    if (this.leases.has(name)) return status(409, 'AlreadyExists');
    if (!isValid(lease) || lease.metadata.resourceVersion !== undefined)
      return status(422, 'Invalid');
    const metadata = { ...lease.metadata, namespace, uid: randomUUID(), resourceVersion: '' };
    const stored = { ...lease, metadata };
    this.leases.set(name, stored);
    this.#changed(stored, 'ADDED');
    return [201, stored];
  }

  #replace(name: string, lease: StoredLease): Reply {
    const current = this.leases.get(name);
    if (current === undefined) return status(404, 'NotFound');
    if (!isValid(lease) || lease.metadata.name !== name) return status(422, 'Invalid');
    const { uid, resourceVersion } = lease.metadata;
    if (uid !== current.metadata.uid || resourceVersion !== current.metadata.resourceVersion)
      return status(409, 'Conflict');
    this.leases.set(name, lease);
    this.#changed(lease, 'MODIFIED');
    return [200, lease];
  }

  #watch(url: URL, response: ServerResponse): void {
    const [, name] =
      /^metadata\.name=(.+)$/.exec(url.searchParams.get('fieldSelector') ?? '') ?? [];
    if (url.searchParams.get('watch') !== 'true' || name === undefined) {
      send(response, status(403, 'Forbidden'));
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watcher = { name, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    const lease = this.leases.get(name);
    if (lease !== undefined) event(response, 'ADDED', lease);
  }

  #changed(lease: StoredLease, type: string): void {
    this.#version += 1;
    lease.metadata.resourceVersion = String(this.#version);
    for (const { name, response } of this.#watchers) {
      if (name === lease.metadata.name) event(response, type, lease);
    }
  }
}

function isValid({ spec }: StoredLease): boolean {
  const isTime = (time: string | undefined) =>
    time === undefined || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(time);
  return (
    spec.holderIdentity !== '' &&
    isTime(spec.acquireTime) &&
    isTime(spec.renewTime) &&
    (spec.leaseTransitions ?? 0) >= 0 &&
    (spec.leaseDurationSeconds ?? 1) > 0
  );
}

type Reply = readonly [code: number, value: object];

function status(code: number, reason: string): Reply {
  return [code, { kind: 'Status', status: 'Failure', message: reason, reason, code }];
}

function send(response: ServerResponse, [code, value]: Reply): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Lease', ...value }));
}

function event(response: ServerResponse, type: string, lease: StoredLease): void {
  response.write(`${JSON.stringify({ type, object: { kind: 'Lease', ...lease } })}\n`);
}
