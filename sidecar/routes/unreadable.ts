/**
 * Answers of status 200 that are not what a node answers: cut short, not JSON, without the members they
 * must have. Reading them throws MalformedAnswer; the node then counts as one that failed.
 */
import { MiroirError } from '../../core/errors.ts';
import { MalformedAnswer } from '../../core/json/slice.ts';

/** Answers that could be read, what was made of them, and those that could not. */
export interface Understood<Answer, Value> {
  readonly readable: readonly Answer[];
  readonly unreadable: readonly Answer[];
  readonly merged: Value;
}

/**
 * Merges answers, without those that cannot be read. Which ones these are is only looked for once the
 * whole failed: good answers are read once.
 */
export function readAll<Answer, Value>(
  answers: readonly Answer[],
  merge: (answers: readonly Answer[]) => Value,
): Understood<Answer, Value> {
  const all = tryRead(() => merge(answers));
  if (all !== undefined) return { readable: answers, unreadable: [], merged: all.value };
  const readable = answers.filter((answer) => tryRead(() => merge([answer])) !== undefined);
  const unreadable = answers.filter((answer) => !readable.includes(answer));
  const rest = tryRead(() => merge(readable));
  if (rest !== undefined) return { readable, unreadable, merged: rest.value };
  return { readable: [], unreadable: answers, merged: merge([]) };
}

/** What `read` returns; undefined if it could not make sense of a node's answer. */
export function tryRead<Value>(read: () => Value): { readonly value: Value } | undefined {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof MalformedAnswer) return undefined;
    throw error;
  }
}

/** What the client sees where no copy gave an answer that can be read. */
export function unreadable(): MiroirError {
  return new MiroirError('miroir_shard_unavailable', "A node's answer could not be read.", {
    retryAfterSeconds: 1,
  });
}
