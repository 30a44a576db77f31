/**
 * Makes the indexes of a scenario on a server through its public interface, one write after another:
 * each task is waited for, because how a node batches writes decides the order of tied documents.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { NumberText, printTree, type Tree } from '../stories/lossless.ts';
import { type Write, writeBody } from './history.ts';
import type { Obj } from './json.ts';
import { type IndexPlan, type Scenario, UID_PREFIX } from './scenario.ts';
import type { Call, Reply, Server } from './server.ts';

const TRIES_MAX = 10;
const RETRY_PAUSE_MS = 1_000;

/** A write as it was sent and what came of it. */
export interface LoadStep {
  readonly call: Call;
  readonly accepted: Reply;
  /** The finished task; undefined if the write was not accepted as one. */
  readonly task: Reply | undefined;
}

/** What a load is made of. */
export type LoadPlan = Pick<Scenario, 'features' | 'indexes'>;

/** All calls that make the indexes, in order. */
export function loadCalls(plan: LoadPlan): Call[] {
  const features: Call[] =
    Object.keys(plan.features).length === 0
      ? []
      : [{ method: 'PATCH', path: '/experimental-features', body: plan.features }];
  return [...features, ...plan.indexes.flatMap(indexCalls)];
}

/** Makes the indexes. The steps come in the order of the calls. */
export async function load(server: Server, plan: LoadPlan): Promise<LoadStep[]> {
  const features = loadCalls({ ...plan, indexes: [] });
  const steps = await performAll(server, features);
  // indexes do not wait for each other, their writes do
  const made = await Promise.all(
    plan.indexes.map((index) => performAll(server, indexCalls(index))),
  );
  return [...steps, ...made.flat()];
}

async function performAll(server: Server, calls: readonly Call[]): Promise<LoadStep[]> {
  const steps: LoadStep[] = [];
  for (const call of calls) steps.push(await perform(server, call));
  return steps;
}

/** Removes the indexes of a scenario and waits. */
export async function unload(server: Server, plan: LoadPlan): Promise<void> {
  await Promise.all(
    plan.indexes.map(({ uid }) => perform(server, { method: 'DELETE', path: `/indexes/${uid}` })),
  );
}

/**
 * Removes what an earlier run left behind. Throws if the server holds other indexes: lists and sums
 * over all indexes could not be compared.
 */
export async function clear(server: Server): Promise<void> {
  const reply = await server.send({ method: 'GET', path: '/indexes', query: { limit: '1000' } });
  if (reply.status !== 200) {
    throw new Error(`${server.name}: GET /indexes: ${reply.status} ${reply.text.slice(0, 300)}`);
  }
  const results = reply.tree instanceof Map ? reply.tree.get('results') : undefined;
  const uids = (Array.isArray(results) ? results : []).map((index) =>
    index instanceof Map ? String(index.get('uid')) : '',
  );
  const foreign = uids.filter((uid) => !uid.startsWith(UID_PREFIX));
  if (foreign.length > 0) {
    throw new Error(`${server.name} is not empty: it holds ${foreign.slice(0, 5).join(', ')}`);
  }
  for (const uid of uids) await perform(server, { method: 'DELETE', path: `/indexes/${uid}` });
}

/** Sends a write, again where a copy was lost at that moment, and waits for its task. */
export async function perform(server: Server, call: Call): Promise<LoadStep> {
  let accepted = await server.send(call);
  for (let tries = 1; accepted.status === 503 && tries < TRIES_MAX; tries += 1) {
    await sleep(RETRY_PAUSE_MS);
    accepted = await server.send(call);
  }
  const taskUid = accepted.tree instanceof Map ? accepted.tree.get('taskUid') : undefined;
  if (accepted.status !== 202 || !(taskUid instanceof NumberText)) {
    return { call, accepted, task: undefined };
  }
  return { call, accepted, task: await server.waitForTask(taskUid.text) };
}

/** What of a finished task must be the same everywhere. */
export function taskEssence(step: LoadStep): string {
  const { task, accepted } = step;
  if (task === undefined) return `${accepted.status} ${essence(accepted.tree) ?? accepted.text}`;
  return essence(task.tree) ?? task.text;
}

function essence(tree: Tree | undefined): string | undefined {
  if (!(tree instanceof Map)) return undefined;
  const kept = ['status', 'type', 'details', 'error', 'message', 'code'];
  const found = kept.map((key) => `${key}: ${printTree(sorted(tree.get(key) ?? null))}`);
  return found.join(', ');
}

/** Key order is free. */
function sorted(tree: Tree): Tree {
  if (Array.isArray(tree)) return tree.map(sorted);
  if (!(tree instanceof Map)) return tree;
  const members = [...tree].map(([key, value]) => [key, sorted(value)] as const);
  return new Map(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function indexCalls(plan: IndexPlan): Call[] {
  const [first, ...later] = plan.settings;
  const settings = (body: Obj): Call => ({
    method: 'PATCH',
    path: `/indexes/${plan.uid}/settings`,
    body,
  });
  return [
    ...(first === undefined ? [] : [settings(first)]),
    ...plan.writes.map((write) => writeCall(plan.uid, write)),
    ...later.map(settings),
  ];
}

function writeCall(uid: string, write: Write): Call {
  const [path, query] = write.path.split('?');
  const body = writeBody(write);
  const pairs = new URLSearchParams(query ?? '');
  return {
    method: write.method,
    path: `/indexes/${uid}${path}`,
    ...(query === undefined ? {} : { query: Object.fromEntries(pairs) }),
    ...(body === undefined ? {} : { raw: body, headers: { 'content-type': write.contentType } }),
  };
}
