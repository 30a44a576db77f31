/**
 * What the indexes must hold, by replaying the writes in the order of their task uids. A write over several
 * documents that ended failed may have been made for some of them: these have several possible states, until
 * the copies are read and say which.
 */
import { type Doc, KEYS, type Operation } from './operation.ts';

/** The possible states of each document, by index and id. */
export class Model {
  readonly #states = new Map<string, readonly (Doc | null)[]>();

  /** A write that succeeded. */
  apply(operation: Operation): void {
    for (const id of operation.keys ?? KEYS) {
      const before = this.statesOf(operation.index, id);
      this.#set(
        operation.index,
        id,
        before.map((doc) => operation.apply(id, doc)),
      );
    }
  }

  /** A write that failed, which may stand in part. */
  applyMaybe(operation: Operation): void {
    for (const id of operation.keys ?? KEYS) {
      const before = this.statesOf(operation.index, id);
      const after = before.map((doc) => operation.apply(id, doc));
      this.#set(operation.index, id, [...before, ...after]);
    }
  }

  /** Possible states of a document; null for none. */
  statesOf(index: string, id: string): readonly (Doc | null)[] {
    return this.#states.get(`${index} ${id}`) ?? [null];
  }

  /** Takes what is there as what is; false if that was not possible. */
  settle(index: string, id: string, found: Doc | null): boolean {
    const text = canonical(found);
    const isPossible = this.statesOf(index, id).some((state) => canonical(state) === text);
    this.#set(index, id, [found]);
    return isPossible;
  }

  #set(index: string, id: string, states: readonly (Doc | null)[]): void {
    const distinct = new Map(states.map((state) => [canonical(state), state]));
    this.#states.set(`${index} ${id}`, [...distinct.values()]);
  }
}

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}
