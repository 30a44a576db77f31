/**
 * The exact look at one document whose grammar is right: its identifier or why it has none, fields of
 * Miroir's own, and values that a node would fail on while it indexes.
 */
import { assertNever } from '../assert.ts';
import { ByteWindow } from '../json/byte-source.ts';
import { JsonFault } from '../json/json-fault.ts';
import { rewriteValue } from '../json/rewrite.ts';
import { SerdeReader } from '../json/serde-reader.ts';
import { isReservedName } from '../reserved/index.ts';
import {
  crashFailure,
  invalidDocumentId,
  missingDocumentId,
  type TaskFailure,
  tooManyDocumentIds,
} from './failures.ts';
import { matchMembers, readSpans, type Span } from './primary-key.ts';
import { findValueFault, type ValueFault } from './value-faults.ts';

/** What the exact look found. */
export interface Examination {
  /** Names of the top level, each once, in the order of their first use. */
  readonly names: readonly string[];
  /** Text of the identifier. */
  readonly id: string | undefined;
  /** Why there is none, if the primary key is known. */
  readonly failure: TaskFailure | undefined;
  /** What a node will say about a value during indexing; only of a document with an identifier. */
  readonly valueFault: ValueFault | undefined;
  readonly reservedName: string | undefined;
}

/** How to look. */
export interface ExamineOptions {
  /** Undefined while it is not known. */
  readonly primaryKey: string | undefined;
  /** The index filters or sorts by `_geo`. */
  readonly checksGeo: boolean;
  /** Of repeated names only the last counts, as in a JSON payload (NDJSON is stored as it came). */
  readonly lastWins: boolean;
  /** The payload is this one object: a node rewrites it on the way in, and prints what it rewrote. */
  readonly isSingle: boolean;
}

/** Examines the object between `start` and `end`. Throws JsonFault if a name is not a text. */
export function examineDocument(
  window: ByteWindow,
  span: Span,
  options: ExamineOptions,
): Examination {
  const members = readSpans(new SerdeReader(window, span.start, span.end));
  const lastOnes = new Map(members);
  const names = [...lastOnes.keys()];
  const counted = options.lastWins ? lastOnes : members;
  const { id, failure } = judgeKey(window, span, counted, options);
  const { checksGeo } = options;
  return {
    names,
    id,
    failure,
    valueFault:
      id === undefined ? undefined : findValueFault({ window, members: lastOnes, id, checksGeo }),
    reservedName: names.find(isReservedName),
  };
}

function judgeKey(
  window: ByteWindow,
  span: Span,
  members: Iterable<readonly [string, Span]>,
  options: ExamineOptions,
): Pick<Examination, 'id' | 'failure'> {
  const { primaryKey, isSingle } = options;
  if (primaryKey === undefined) return { id: undefined, failure: undefined };
  const match = matchMembers(window, members, primaryKey);
  if (match.kind === 'found') return { id: match.id, failure: undefined };
  const shown = match.kind === 'invalid' ? match.span : span;
  const crash = findCrash(window, shown);
  if (crash !== undefined) return { id: undefined, failure: crash };
  const once = rewriteValue(window, shown.start, shown.end);
  const text = isSingle ? rewriteText(once) : once;
  switch (match.kind) {
    case 'invalid':
      return { id: undefined, failure: invalidDocumentId(text) };
    case 'none':
      return { id: undefined, failure: missingDocumentId(primaryKey, text) };
    case 'too-many':
      return { id: undefined, failure: tooManyDocumentIds(primaryKey, text) };
    default:
      return assertNever(match);
  }
}

/** Rewriting is not always idle the second time: the last digit of a long number may change. */
function rewriteText(text: string): string {
  const bytes = Buffer.from(text);
  return rewriteValue(new ByteWindow(bytes), 0, bytes.length);
}

/** A node prints what it complains about, and crashes if that cannot become data. */
function findCrash(window: ByteWindow, span: Span): TaskFailure | undefined {
  try {
    new SerdeReader(window, span.start, span.end).checkValue();
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return crashFailure(error.message, error.placeFrom(window, span.start));
  }
}
