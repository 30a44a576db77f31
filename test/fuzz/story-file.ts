/**
 * Tells a scenario as a story: every call that makes the indexes, its task, and the requests, with the
 * reference node's answers, so that it can be replayed against any fresh server. Task and batch numbers
 * are told as a fresh node would give them.
 */
import { NumberText, parseTree, printTree, type Tree } from '../stories/lossless.ts';
import { VOLATILE_KEYS } from './compare.ts';
import { clear, loadCalls, perform } from './load.ts';
import { wireBody, wirePath } from './requests/request.ts';
import type { Scenario } from './scenario.ts';
import type { Call, Reply, Server } from './server.ts';

const MASTER_KEY = 'masterKey-masterKey';

/** The text of a story file. Makes the indexes on the reference once more, and removes them. */
export async function storyText(
  reference: Server,
  name: string,
  scenario: Scenario,
): Promise<string> {
  const steps: string[] = [];
  const first: Numbers = { task: undefined, batch: undefined };
  try {
    for (const call of loadCalls(scenario)) {
      const step = await perform(reference, call);
      const uid = taskUid(step.accepted.tree);
      if (uid !== undefined) first.task ??= uid;
      steps.push(tell(call, step.accepted, first));
      if (step.task === undefined || uid === undefined) continue;
      first.batch ??= numberAt(step.task.tree, 'batchUid');
      const told = uid - (first.task ?? 0);
      steps.push(tell({ method: 'GET', path: `/tasks/${told}` }, step.task, first));
    }
    for (const request of scenario.requests) {
      steps.push(tell(request, await reference.send(request), undefined));
    }
  } finally {
    await clear(reference);
  }
  const head = {
    name,
    family: 'fuzz',
    engine: 'Meilisearch 1.50.0',
    masterKey: MASTER_KEY,
    volatile: { keys: VOLATILE_KEYS, paths: [] },
  };
  return `${JSON.stringify(head).slice(0, -1)},"steps":[\n${steps.join(',\n')}\n]}\n`;
}

interface Numbers {
  task: number | undefined;
  batch: number | undefined;
}

/** One step. `first` holds the numbers to count from, for answers that name tasks. */
function tell(call: Call, reply: Reply, first: Numbers | undefined): string {
  const body = wireBody({ ...call, kind: 'search' });
  const headers: Record<string, string> = {
    authorization: `Bearer ${MASTER_KEY}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...call.headers,
  };
  if (headers['authorization'] === '') delete headers['authorization'];
  const request = [
    `"method":${JSON.stringify(call.method)}`,
    `"path":${JSON.stringify(wirePath({ ...call, kind: 'search' }))}`,
    ...(body === undefined ? [] : bodyMembers(body)),
    `"headers":${JSON.stringify(headers)}`,
  ];
  const response = [
    `"status":${reply.status}`,
    `"contentType":${JSON.stringify(reply.contentType)}`,
  ];
  if (reply.tree === undefined) response.push(`"text":${JSON.stringify(reply.text)}`);
  else {
    const told = printTree(first === undefined ? reply.tree : renumber(reply.tree, first));
    response.push(`"body":${told}`);
    if (isFragile(told)) response.push(`"bodyText":${JSON.stringify(told)}`);
  }
  return `{"request":{${request.join(',')}},"response":{${response.join(',')}}}`;
}

function bodyMembers(text: string): string[] {
  try {
    parseTree(text);
  } catch {
    return [`"raw":${JSON.stringify(text)}`];
  }
  return isFragile(text)
    ? [`"body":${text}`, `"bodyText":${JSON.stringify(text)}`]
    : [`"body":${text}`];
}

/** True if a reader with 64-bit floats only would lose something. */
function isFragile(text: string): boolean {
  return /\d{16}|\d[eE][+-]?\d|-0|\d\.\d*0\b/.test(text);
}

function renumber(tree: Tree, first: Numbers): Tree {
  if (!(tree instanceof Map)) return tree;
  return new Map(
    [...tree].map(([key, value]): [string, Tree] => {
      if (!(value instanceof NumberText)) return [key, value];
      if (key === 'taskUid' || key === 'uid') return [key, less(value, first.task)];
      return key === 'batchUid' ? [key, less(value, first.batch)] : [key, value];
    }),
  );
}

function less(value: NumberText, base: number | undefined): NumberText {
  return new NumberText(String(Number(value.text) - (base ?? 0)));
}

function taskUid(tree: Tree | undefined): number | undefined {
  return numberAt(tree, 'taskUid');
}

function numberAt(tree: Tree | undefined, key: string): number | undefined {
  const value = tree instanceof Map ? tree.get(key) : undefined;
  return value instanceof NumberText ? Number(value.text) : undefined;
}
