/**
 * Whether a history of concurrent operations could have happened one after the other, each at some moment between
 * its call and its return. The method is Wing and Gong's search with Lowe's memory of what was tried, as
 * in Porcupine: take any operation that was called before the first return of those that are left, see whether
 * the model allows its answer, go on; step back if not. Histories are cut by key first, since a register
 * knows nothing of the others (linearizability is local).
 *
 * An operation whose outcome nobody knows returns at infinity: it may take effect at any time after its
 * call, or not before anybody looked. It is only tried where it changes something: elsewhere it can as well wait,
 * and what still waits when all others have their place takes effect after them.
 */

/** One operation. */
export interface Operation<Input, Output> {
  readonly key: string;
  readonly input: Input;
  /** Undefined: nobody knows. */
  readonly output: Output | undefined;
  /** Any clock that all clients share. */
  readonly calledAt: number;
  /** Not used if the outcome is not known. */
  readonly returnedAt: number;
}

/** What one object does, one operation at a time. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after the operation; undefined if its answer is impossible here. */
  step(
    state: State,
    input: Input,
    output: Output | undefined,
  ): { readonly state: State } | undefined;
  /** Equal texts for equal states. */
  text(state: State): string;
}

/** What came out. */
export type Verdict =
  | { readonly kind: 'linearizable' }
  /** Of the first key that is not; `longest` is how many of its operations could be put in order. */
  | {
      readonly kind: 'not-linearizable';
      readonly key: string;
      readonly count: number;
      readonly longest: number;
    }
  /** The search was given up. */
  | { readonly kind: 'too-hard'; readonly key: string };

const STEPS_MAX = 5_000_000;

/** Judges a history. */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Verdict {
  const byKey = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const own = byKey.get(operation.key);
    if (own === undefined) byKey.set(operation.key, [operation]);
    else own.push(operation);
  }
  for (const [key, operations] of byKey) {
    const end = search(model, operations);
    if (end === 'too-hard') return { kind: 'too-hard', key };
    if (end === 'linearizable') continue;
    return { kind: 'not-linearizable', key, count: operations.length, longest: end };
  }
  return { kind: 'linearizable' };
}

/** A call or a return in the doubly linked list of those that are left. */
interface Entry {
  readonly at: number;
  readonly isCall: boolean;
  /** Place of the operation. */
  readonly place: number;
  /** Of a call: its return. */
  match: Entry | undefined;
  previous: Entry | undefined;
  next: Entry | undefined;
}

function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): 'linearizable' | 'too-hard' | number {
  const head = link(operations);
  const taken = new Uint8Array(operations.length);
  const tried = new Set<string>();
  const path: { readonly call: Entry; readonly before: State }[] = [];
  let state = model.initial;
  let longest = 0;
  let knownLeft = operations.filter(({ output }) => output !== undefined).length;
  let entry = head.next;
  for (let steps = 0; knownLeft > 0; steps += 1) {
    if (steps > STEPS_MAX) return 'too-hard';
    if (entry?.isCall === true) {
      const { input, output } = operations[entry.place] as Operation<Input, Output>;
      const after = model.step(state, input, output);
      const isKnown = output !== undefined;
      const text = after === undefined ? '' : model.text(after.state);
      const isOfUse = after !== undefined && (isKnown || text !== model.text(state));
      taken[entry.place] = 1;
      if (isOfUse && isNew(tried, taken, text)) {
        path.push({ call: entry, before: state });
        knownLeft -= Number(isKnown);
        longest = Math.max(longest, path.length);
        state = after.state;
        unlink(entry);
        entry = head.next;
      } else {
        taken[entry.place] = 0;
        entry = entry.next;
      }
      continue;
    }
    // A return that comes before every call that may still be taken: the last step was wrong.
    const last = path.pop();
    if (last === undefined) return longest;
    taken[last.call.place] = 0;
    knownLeft += Number(operations[last.call.place]?.output !== undefined);
    state = last.before;
    relink(last.call);
    entry = last.call.next;
  }
  return 'linearizable';
}

/** Remembers a set of taken operations with the state they lead to. */
function isNew(tried: Set<string>, taken: Uint8Array, text: string): boolean {
  const bits = Buffer.alloc(Math.ceil(taken.length / 8));
  for (let place = 0; place < taken.length; place += 1) {
    if (taken[place] === 1) bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
  }
  const name = `${bits.toString('latin1')} ${text}`;
  if (tried.has(name)) return false;
  tried.add(name);
  return true;
}

/** All calls and returns by time. */
function link<Input, Output>(operations: readonly Operation<Input, Output>[]): Entry {
  const entries = operations.flatMap((operation, place) => {
    const endAt = operation.output === undefined ? Number.POSITIVE_INFINITY : operation.returnedAt;
    const common = { place, match: undefined, previous: undefined, next: undefined };
    const call: Entry = { ...common, at: operation.calledAt, isCall: true };
    const end: Entry = { ...common, at: endAt, isCall: false };
    call.match = end;
    return [call, end];
  });
  // At the same moment, calls first: the two may have overlapped.
  entries.sort((a, b) =>
    a.at === b.at ? Number(b.isCall) - Number(a.isCall) : a.at < b.at ? -1 : 1,
  );
  const head: Entry = {
    at: Number.NEGATIVE_INFINITY,
    isCall: false,
    place: -1,
    match: undefined,
    previous: undefined,
    next: undefined,
  };
  let last = head;
  for (const entry of entries) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return head;
}

/** Takes a call and its return out; they keep their neighbours, to be put back in reverse order. */
function unlink(call: Entry): void {
  for (const entry of [call, call.match]) {
    if (entry?.previous !== undefined) entry.previous.next = entry.next;
    if (entry?.next !== undefined) entry.next.previous = entry.previous;
  }
}

function relink(call: Entry): void {
  for (const entry of [call.match, call]) {
    if (entry?.previous !== undefined) entry.previous.next = entry;
    if (entry?.next !== undefined) entry.next.previous = entry;
  }
}
