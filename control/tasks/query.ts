/** The filters of a cancelation or a deletion of tasks, from the JSON that sidecars send. */
import type { TaskQuery } from './list.ts';
import { timeMs } from './time.ts';

/** The filters, without page; undefined for the ones that name nothing (`uids=`). */
export function readTaskQuery(body: unknown): TaskQuery | undefined {
  const { filter, matchesNothing } = asObject(body);
  if (matchesNothing === true) return undefined;
  const of = asObject(filter);
  const time = (name: string): number | undefined => {
    const text = of[name];
    return typeof text === 'string' ? timeMs(text) : undefined;
  };
  return {
    limit: Number.MAX_SAFE_INTEGER,
    from: undefined,
    isReverse: false,
    uids: numbers(of['uids']),
    batchUids: numbers(of['batchUids']),
    canceledBy: numbers(of['canceledBy']),
    types: texts(of['types']),
    statuses: texts(of['statuses']),
    indexUids: texts(of['indexUids']),
    beforeEnqueuedMs: time('beforeEnqueuedAt'),
    afterEnqueuedMs: time('afterEnqueuedAt'),
    beforeStartedMs: time('beforeStartedAt'),
    afterStartedMs: time('afterStartedAt'),
    beforeFinishedMs: time('beforeFinishedAt'),
    afterFinishedMs: time('afterFinishedAt'),
    allowedIndexes: texts(of['allowedIndexes']),
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}
