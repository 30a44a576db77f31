/**
 * Clients: writers of every verb over a few shared ids, two that fight for one id for ever, one whose
 * uploads trickle, readers of single documents, searchers, and one that watches tasks end. None of them
 * stops at an error: what they saw is judged afterwards.
 */
import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JudgedGateway } from './gateway.ts';
import type { History } from './history.ts';
import { drawOperation, INDEXES, KEYS, type Operation } from './operation.ts';
import { Rng } from './rng.ts';

const WRITERS = 6;
const DUELISTS = 2;
const READERS = 3;
const WRITE_PAUSE_MS = 30;
const READ_PAUSE_MS = 25;
const TRICKLE_PIECES = 8;
const TRICKLE_PAUSE_MS = 250;
const TRICKLE_LIMIT_MS = 20_000;
const WATCH_PAUSE_MS = 150;
const WATCHED = 200;

/** A running load. */
export interface Load {
  /** Resolves when every client has its last answer. */
  stop(): Promise<void>;
}

/** What clients share. */
interface Clients {
  readonly world: JudgedGateway;
  readonly history: History;
  readonly cycle: number;
  isOver: boolean;
  count: number;
}

/** Starts the clients of one cycle. */
export function startLoad(
  world: JudgedGateway,
  history: History,
  plan: { cycle: number; seed: number },
): Load {
  const clients: Clients = { world, history, cycle: plan.cycle, isOver: false, count: 0 };
  const seedOf = (role: number): Rng => new Rng(plan.seed * 1_000 + plan.cycle * 50 + role);
  const running = [
    ...Array.from({ length: WRITERS }, (_, at) => writer(clients, seedOf(at))),
    ...Array.from({ length: DUELISTS }, (_, at) => duelist(clients, seedOf(20 + at))),
    ...Array.from({ length: READERS }, (_, at) => reader(clients, seedOf(30 + at))),
    searcher(clients, seedOf(40)),
    trickler(clients, seedOf(41)),
    watcher(clients),
  ];
  return {
    stop: async () => {
      clients.isOver = true;
      await Promise.all(running);
    },
  };
}

async function writer(clients: Clients, rng: Rng): Promise<void> {
  while (!clients.isOver) {
    await write(clients, drawOperation(rng, nextName(clients)));
    await sleep(rng.between(0, WRITE_PAUSE_MS));
  }
}

async function duelist(clients: Clients, rng: Rng): Promise<void> {
  const key = KEYS[0] ?? '';
  while (!clients.isOver) {
    const verb = rng.pick(['replace', 'update', 'delete'] as const);
    await write(clients, drawOperation(rng, nextName(clients), { verb, key }));
    await sleep(rng.between(0, WRITE_PAUSE_MS));
  }
}

function nextName(clients: Clients): string {
  clients.count += 1;
  return `c${clients.cycle}o${clients.count}`;
}

async function write(clients: Clients, operation: Operation): Promise<void> {
  const event = clients.history.begin(operation);
  try {
    const { method, path, body, contentType } = operation;
    const answer = await clients.world.call(method, path, body, contentType);
    event.answeredAtMs = performance.now();
    event.isDegraded = answer.headers['x-miroir-degraded'] !== undefined;
    if (answer.status === 202) event.taskUid = answer.body.taskUid;
    else event.failure = `${answer.status} ${answer.body?.code ?? answer.text.slice(0, 80)}`;
  } catch (error) {
    event.failure = error instanceof Error ? error.message : String(error);
  }
  // A refused client does not come back at once.
  if (event.taskUid === undefined) await sleep(WRITE_PAUSE_MS);
}

async function reader(clients: Clients, rng: Rng): Promise<void> {
  const { history, world } = clients;
  while (!clients.isOver) {
    const index = rng.pick(INDEXES);
    const id = rng.pick(KEYS);
    const begunAtMs = performance.now();
    try {
      const answer = await world.call('GET', `/indexes/${index}/documents/${id}`);
      const isLabelled = answer.headers['x-miroir-degraded'] !== undefined;
      const seen = { index, id, begunAtMs, isLabelled };
      if (answer.status === 200) history.reads.push({ ...seen, op: String(answer.body.op) });
      else if (answer.body?.code === 'document_not_found')
        history.reads.push({ ...seen, op: null });
      else history.failedReads += 1;
    } catch {
      history.failedReads += 1;
    }
    await sleep(rng.between(0, READ_PAUSE_MS));
  }
}

/** No answer may show a document twice, or a field that is ours. */
async function searcher(clients: Clients, rng: Rng): Promise<void> {
  const { history, world } = clients;
  while (!clients.isOver) {
    const index = rng.pick(INDEXES);
    try {
      const answer = await world.call('POST', `/indexes/${index}/search`, { q: '', limit: 200 });
      if (answer.status === 200) {
        history.searchCount += 1;
        const ids = (answer.body.hits as { id: string }[]).map(({ id }) => id);
        if (new Set(ids).size !== ids.length)
          history.badReads.push(`${index}: a hit twice: ${ids}`);
        if (answer.text.includes('_miroir_')) history.badReads.push(`${index}: an internal field`);
      } else {
        history.failedReads += 1;
      }
    } catch {
      history.failedReads += 1;
    }
    await sleep(rng.between(0, READ_PAUSE_MS * 2));
  }
}

/** A body that comes in pieces over seconds; what it says is judged like any other write. */
async function trickler(clients: Clients, rng: Rng): Promise<void> {
  while (!clients.isOver) {
    const operation = drawOperation(rng, nextName(clients), { verb: 'ndjson', key: '' });
    const event = clients.history.begin(operation);
    try {
      const { status, text } = await trickle(clients, operation);
      event.answeredAtMs = performance.now();
      if (status === 202) event.taskUid = (JSON.parse(text) as { taskUid: number }).taskUid;
      else event.failure = `${status} ${text.slice(0, 80)}`;
    } catch (error) {
      event.failure = error instanceof Error ? error.message : String(error);
    }
    await sleep(WRITE_PAUSE_MS);
  }
}

function trickle(
  clients: Clients,
  operation: Operation,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const { method, path, contentType = '' } = operation;
    const body = Buffer.from(operation.body ?? '');
    const call = httpRequest(
      `${clients.world.url}${path}`,
      {
        method,
        headers: { authorization: clients.world.authorization, 'content-type': contentType },
        timeout: TRICKLE_LIMIT_MS,
        agent: false,
      },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on('error', reject);
      },
    );
    call.on('error', reject);
    call.on('timeout', () => call.destroy(new Error('no answer in time')));
    const piece = Math.max(1, Math.ceil(body.length / TRICKLE_PIECES));
    let at = 0;
    const send = (): void => {
      if (call.destroyed) return;
      call.write(body.subarray(at, at + piece));
      at += piece;
      if (at >= body.length) call.end();
      else setTimeout(send, clients.isOver ? 0 : TRICKLE_PAUSE_MS);
    };
    send();
  });
}

/** What is shown as ended must be seen by every read that begins later. */
async function watcher(clients: Clients): Promise<void> {
  const { world, history } = clients;
  while (!clients.isOver) {
    try {
      const list = await world.call('GET', `/tasks?statuses=succeeded&limit=${WATCHED}`);
      const nowMs = performance.now();
      for (const task of (list.body?.results ?? []) as { customMetadata?: string }[]) {
        const event = history.writes.get(task.customMetadata ?? '');
        if (event !== undefined) event.finishedAtMs ??= nowMs;
      }
    } catch {
      // the list is asked for again
    }
    await sleep(WATCH_PAUSE_MS);
  }
}
