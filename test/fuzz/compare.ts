/**
 * Compares the gateway's answer with the node's. Numbers must be written alike, array order counts,
 * object key order is free except among facets and their values, where the order is the answer.
 * Values that never repeat (times, sizes, request ids) are not compared, but must be there, and only
 * outside of documents. The gateway's own fields must not show anywhere.
 */
import { NumberText, printTree, type Tree, type TreeObject } from '../stories/lossless.ts';
import type { FuzzRequest } from './requests/request.ts';
import { wireBody, wirePath } from './requests/request.ts';
import type { Reply } from './server.ts';

/** One place where two answers differ; `undefined`: nothing is there. */
export interface Difference {
  /** JSON pointer into the body, or `status`, `contentType`, `text`, `leak`. */
  readonly pointer: string;
  readonly reference: string | undefined;
  readonly target: string | undefined;
}

/** Keys whose values never repeat. */
export const VOLATILE_KEYS: readonly string[] = [
  'processingTimeMs',
  'requestUid',
  'queryUid',
  'createdAt',
  'updatedAt',
  'lastUpdate',
  'enqueuedAt',
  'startedAt',
  'finishedAt',
  'duration',
  'databaseSize',
  'usedDatabaseSize',
  'rawDocumentDbSize',
  'avgDocumentSize',
  'internalDatabaseSizes',
  'performanceDetails',
];
const VOLATILE = new Set(VOLATILE_KEYS);
const INTERNAL = '_miroir_';
const FACET_KEYS = new Set(['facetDistribution', 'distribution']);
const DOCUMENT_KINDS = new Set(['documents-get', 'documents-list', 'documents-fetch']);
const DIFFERENCES_MAX = 200;

/** All differences; none if the answers are equal. */
export function compareReplies(
  request: FuzzRequest,
  reference: Reply,
  target: Reply,
): Difference[] {
  const found: Difference[] = [];
  const note = (pointer: string, before: string | undefined, after: string | undefined) => {
    if (found.length < DIFFERENCES_MAX) found.push({ pointer, reference: before, target: after });
  };
  const asked = `${wirePath(request)}${wireBody(request) ?? ''}`;
  if (!asked.includes(INTERNAL) && target.text.includes(INTERNAL)) {
    const at = target.text.indexOf(INTERNAL);
    note('leak', undefined, target.text.slice(Math.max(0, at - 40), at + 60));
  }
  if (reference.status !== target.status) {
    note('status', String(reference.status), `${target.status}`);
  }
  if (bareType(reference.contentType) !== bareType(target.contentType)) {
    note('contentType', reference.contentType, target.contentType);
  }
  if (reference.tree === undefined || target.tree === undefined) {
    if (reference.text !== target.text) note('text', reference.text, target.text);
  } else {
    const inDocuments = DOCUMENT_KINDS.has(request.kind);
    compareTrees(reference.tree, target.tree, { pointer: '', inDocuments, note });
  }
  return found;
}

/** True if two values are equal: numbers by text, key order free. */
export function isEqualTree(a: Tree, b: Tree): boolean {
  let isEqual = true;
  compareTrees(a, b, {
    pointer: '',
    inDocuments: true,
    note: () => {
      isEqual = false;
    },
  });
  return isEqual;
}

interface Walk {
  readonly pointer: string;
  /** Inside documents no key is volatile. */
  readonly inDocuments: boolean;
  readonly note: (pointer: string, before: string | undefined, after: string | undefined) => void;
}

function compareTrees(before: Tree, after: Tree, walk: Walk): void {
  if (before instanceof Map && after instanceof Map) {
    compareObjects(before, after, walk);
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let i = 0; i < Math.max(before.length, after.length); i++) {
      const pointer = `${walk.pointer}/${i}`;
      const [one, other] = [before[i], after[i]];
      if (one === undefined || other === undefined) walk.note(pointer, show(one), show(other));
      else compareTrees(one, other, { ...walk, pointer });
    }
  } else if (!isSameScalar(before, after)) {
    walk.note(walk.pointer, show(before), show(after));
  }
}

function compareObjects(before: TreeObject, after: TreeObject, walk: Walk): void {
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const pointer = `${walk.pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const one = before.get(key);
    const other = after.get(key);
    if (one === undefined || other === undefined) walk.note(pointer, show(one), show(other));
    else if (!walk.inDocuments && VOLATILE.has(key)) continue;
    else {
      if (!walk.inDocuments && FACET_KEYS.has(key)) compareOrder(one, other, { ...walk, pointer });
      const inDocuments = walk.inDocuments || key === 'hits';
      compareTrees(one, other, { ...walk, pointer, inDocuments });
    }
  }
}

/** Facets and facet values stand in a meant order. */
function compareOrder(before: Tree, after: Tree, walk: Walk): void {
  if (!(before instanceof Map) || !(after instanceof Map)) return;
  const common = (one: TreeObject, other: TreeObject) =>
    JSON.stringify([...one.keys()].filter((key) => other.has(key)));
  if (common(before, after) !== common(after, before)) {
    walk.note(`${walk.pointer}#order`, common(before, after), common(after, before));
  }
  for (const [key, one] of before) {
    const other = after.get(key);
    if (other !== undefined)
      compareOrder(one, other, { ...walk, pointer: `${walk.pointer}/${key}` });
  }
}

function isSameScalar(a: Tree, b: Tree): boolean {
  if (a instanceof NumberText) return b instanceof NumberText && a.text === b.text;
  if (typeof a === 'string' && typeof b === 'string') return withoutThread(a) === withoutThread(b);
  return typeof a !== 'object' || a === null ? a === b : false;
}

/** A node that panics names the number of the thread's task, which never repeats. */
function withoutThread(text: string): string {
  return text.replace(/^task [0-9]+ panicked with message /, 'task panicked with message ');
}

function show(tree: Tree | undefined): string | undefined {
  return tree === undefined ? undefined : printTree(tree);
}

function bareType(type: string): string {
  return (type.split(';')[0] ?? '').trim().toLowerCase();
}
