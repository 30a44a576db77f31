/**
 * Compares an answer with the recorded one. Key order is free, array order counts, numbers must be
 * written alike. Not compared: values of volatile keys, and volatile paths of this step. A key that
 * must be there is still demanded, unless it is one a node adds only now and then. Where the recording
 * says `enqueued` or `processing`, either will do: which of them shows depends on speed.
 */
import { NumberText, printTree, type Tree, type TreeObject } from './lossless.ts';
import type { StoryResponse } from './story.ts';

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Tree | undefined;
  readonly text: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** One place where the answers differ. */
export interface Difference {
  /** JSON pointer inside the response, e.g. `/body/results/0/uid`. */
  readonly pointer: string;
  readonly expected: string;
  readonly got: string;
}

/** What not to compare, and where to note the values that took the place of volatile ones. */
export interface CompareRules {
  readonly volatileKeys: ReadonlySet<string>;
  /** Pointers inside the response, e.g. `/body/uid`. */
  readonly volatilePointers: ReadonlySet<string>;
  /** Called with every text found at a volatile pointer: recorded, received. */
  readonly onVolatileText?: (recorded: string, received: string) => void;
}

/** Keys a node may leave out, depending on how much there was to measure. */
const OPTIONAL_KEYS = new Set([
  'progressTrace',
  'writeChannelCongestion',
  'internalDatabaseSizes',
  'batchStrategy',
  'performanceDetails',
]);

const UNFINISHED = new Set(['enqueued', 'processing']);
const TEXT_SHOWN_CHARS = 300;

/** All differences between the recorded answer and the one that came; none if they agree. */
export function compareAnswers(
  recorded: StoryResponse,
  answer: Answer,
  rules: CompareRules,
): Difference[] {
  const differences: Difference[] = [];
  const note = (pointer: string, expected: string, got: string) =>
    differences.push({ pointer, expected: shorten(expected), got: shorten(got) });
  if (recorded.status !== answer.status) {
    note('/status', String(recorded.status), `${answer.status} ${answer.text}`);
  }
  const type = bareType(recorded.contentType);
  if (type !== bareType(answer.contentType)) note('/contentType', type, answer.contentType);
  for (const [name, value] of recorded.headers) {
    const got = answer.headers.get(name.toLowerCase());
    if (!rules.volatilePointers.has(`/headers/${name}`) && got !== value) {
      note(`/headers/${name}`, value, got ?? 'nothing');
    }
  }
  if (recorded.body === undefined) {
    if (!rules.volatilePointers.has('/text') && recorded.text !== answer.text) {
      note('/text', recorded.text, answer.text);
    }
  } else if (answer.body === undefined) {
    note('/body', printTree(recorded.body), answer.text);
  } else {
    compareTrees(recorded.body, answer.body, '/body', { rules, note });
  }
  return differences;
}

interface Walk {
  readonly rules: CompareRules;
  readonly note: (pointer: string, expected: string, got: string) => void;
}

function compareTrees(expected: Tree, got: Tree, pointer: string, walk: Walk): void {
  if (walk.rules.volatilePointers.has(pointer)) {
    if (typeof expected === 'string' && typeof got === 'string') {
      walk.rules.onVolatileText?.(expected, got);
    }
    return;
  }
  if (expected instanceof Map && got instanceof Map) {
    compareObjects(expected, got, pointer, walk);
  } else if (Array.isArray(expected) && Array.isArray(got)) {
    for (let i = 0; i < Math.max(expected.length, got.length); i++) {
      const before = expected[i];
      const after = got[i];
      const place = `${pointer}/${i}`;
      if (before === undefined) walk.note(place, 'nothing', printTree(after ?? null));
      else if (after === undefined) walk.note(place, printTree(before), 'nothing');
      else compareTrees(before, after, place, walk);
    }
  } else if (!isSameScalar(expected, got)) {
    walk.note(pointer, printTree(expected), printTree(got));
  }
}

function compareObjects(expected: TreeObject, got: TreeObject, pointer: string, walk: Walk): void {
  const isUnfinished = isUnfinishedTask(expected) && isUnfinishedTask(got);
  const isCount = isUnfinishedCount(expected) && isUnfinishedCount(got);
  if (isCount) return;
  for (const key of new Set([...expected.keys(), ...got.keys()])) {
    const place = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const before = expected.get(key);
    const after = got.get(key);
    if (before === undefined || after === undefined) {
      if (OPTIONAL_KEYS.has(key) && walk.rules.volatileKeys.has(key)) continue;
      if (walk.rules.volatilePointers.has(place)) continue;
      const show = (tree: Tree | undefined) => (tree === undefined ? 'nothing' : printTree(tree));
      walk.note(place, show(before), show(after));
    } else if (walk.rules.volatileKeys.has(key)) {
    } else if (isUnfinished && (key === 'status' || key === 'batchUid' || key === 'progress')) {
    } else {
      compareTrees(before, after, place, walk);
    }
  }
}

/** A task, full or summarized, that was waiting or being worked on. */
function isUnfinishedTask(tree: TreeObject): boolean {
  const status = tree.get('status');
  return typeof status === 'string' && UNFINISHED.has(status);
}

/** The `stats.status` of a batch that is being worked on: `{"processing":1}`. */
function isUnfinishedCount(tree: TreeObject): boolean {
  return tree.size > 0 && [...tree].every(([k, v]) => UNFINISHED.has(k) && v instanceof NumberText);
}

function isSameScalar(expected: Tree, got: Tree): boolean {
  if (expected instanceof NumberText) {
    return got instanceof NumberText && expected.text === got.text;
  }
  return typeof expected !== 'object' || expected === null ? expected === got : false;
}

function bareType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

function shorten(text: string): string {
  return text.length <= TEXT_SHOWN_CHARS
    ? text
    : `${text.slice(0, TEXT_SHOWN_CHARS)}… (${text.length})`;
}
