/** Planted bugs of recovery: start, candidates, pages, lists, flip, tombstones (rules 15 to 21). */
import { inFile } from './in-file.ts';
import type { Bug } from './list.ts';

/** All of them. */
export const RECOVERY_BUGS: readonly Bug[] = [
  {
    name: 'open-start',
    hole: 'a copy is filled while a send to it is on its way, and its pages do not wait for that',
    patches: [
      {
        file: 'control/recovery/start.js',
        find: 'if (openSendsOn(state, copy).length > 0) return;',
        replace: '',
      },
      {
        file: 'control/lane/conflicts.js',
        find: "if (copy === 'filling' && isOpen) return true;",
        replace:
          // biome-ignore lint/suspicious/noTemplateCurlyInString: it is put into the source
          "if (copy === 'filling' && isOpen && !(later.intent.internal !== null && intent.seq <= (state.notes.get(`${index.id} ${shard} ${nodeId}`)?.fill?.head ?? -1))) return true;",
      },
    ],
  },
  {
    name: 'one-sided',
    hole: 'versions since are looked for on the source only, and what a copy alone has is not noted',
    patches: [
      {
        file: 'control/recovery/candidates.js',
        find: 'for (const list of [source, target]) {',
        replace: 'for (const list of [source]) {',
      },
      {
        file: 'control/lane/settle.js',
        find: "if (isUnanswered(target) || (target.state === 'enqueued' && !isOut)) continue;",
        replace: "if (isUnanswered(target) || target.state === 'enqueued') continue;",
      },
      {
        file: 'control/lane/finality.js',
        find: 'if (mayBeThere) noteOnce(state, open, { copy, copyState });',
        replace: '',
      },
    ],
  },
  {
    name: 'no-look-after-read',
    hole: 'a page is sent without looking whether its source applied, or failed, what came before',
    patches: [
      {
        file: 'control/recovery/pages.js',
        find: 'if (readMs < phase.sinceMs || !isSourceSettled(turn)) return;',
        replace: '',
      },
      {
        file: 'control/recovery/pages.js',
        find: 'return beginWatch(state, index, worker.place.shard, appliedOnSource(turn));',
        replace: 'return beginWatch(state, index, worker.place.shard, headOf(state));',
      },
    ],
  },
  {
    name: 'flip-in-motion',
    hole: 'a copy counts again while writes are on their way',
    patches: [
      {
        file: 'control/recovery/flip.js',
        find: 'if (!isLeft && isStill(turn, head)) {',
        replace: 'if (!isLeft) {',
      },
      {
        file: 'control/recovery/flip.js',
        find: 'if (!isStill(turn, hold.after)) return;',
        replace: '',
      },
      {
        file: 'control/recovery/flip.js',
        find: 'if (isRead && isStill(turn, phase.after))',
        replace: 'if (isRead)',
      },
    ],
  },
  ...inFile('control/recovery/start.js', [
    {
      name: 'filled-while-read',
      hole: 'a copy is filled while a sidecar with an older view may read it',
      find: 'if (!isShrinkConfirmed(state, index, [shard])) return false;',
      replace: '',
    },
  ]),
  ...inFile('control/recovery/listing.js', [
    {
      name: 'list-of-busy-target',
      hole: 'the copy is listed while tasks of before are in its queue',
      find: 'if (lowest !== undefined && lowest <= worker.drainUid) return;',
      replace: '',
    },
    {
      name: 'list-of-unsettled-source',
      hole: 'the source is listed before it applied what the copy missed',
      find: 'if (!isSourceSettled(turn) || appliedOnSource(turn) < worker.head) return;',
      replace: '',
    },
  ]),
  ...inFile('control/recovery/candidates.js', [
    {
      name: 'equal-versions-are-equal',
      hole: 'ids are compared by their versions alone',
      find: 'if (version >= since) found.add(hash);',
      replace: "if (version >= since && recovery.method === 'delta') found.add(hash);",
    },
    {
      name: 'no-tombstones',
      hole: 'deletions by id are not among the candidates',
      find: 'for (const hash of named.deleted) found.add(hash);',
      replace: '',
    },
    {
      name: 'filters-by-delta',
      hole: 'a missed write without a list of documents is looked for by versions',
      find: 'if (isKeyless) {',
      replace: 'if (false) {',
    },
  ]),
  ...inFile('control/copies/notes.js', [
    {
      name: 'filters-while-filling-forgotten',
      hole: 'writes without a list of documents that come while a copy is filled are forgotten',
      find: 'notes.again = { low: Math.min(low, missed.seq), high: Math.max(high, missed.seq) };',
      replace: '',
    },
    {
      name: 'fill-forgotten',
      hole: 'what was set aside when the filling began is gone when it is given up',
      find: 'const places = [notes.from, fill?.from ?? null, again?.low ?? null];',
      replace: 'const places = [notes.from, again?.low ?? null];',
    },
  ]),
  ...inFile('control/recovery/pages.js', [
    {
      name: 'touched-not-read-again',
      hole: 'documents that were written since they were read are sent as they were',
      find: 'if (hot.length === 0) {',
      replace: 'if (true) {',
    },
    {
      name: 'queue-not-looked-at',
      hole: 'a document on neither node is forgotten though it may be in the queue of the copy',
      find: 'if (page.coming.has(hash)) {',
      replace: 'if (false) {',
    },
    {
      name: 'relist-too-soon',
      hole: 'the lists are made anew before both nodes are through with the writes they are made for',
      find: "return isThrough(turn, again.high) ? 'list' : 'wait';",
      replace: "return 'list';",
    },
  ]),
  ...inFile('control/recovery/tombstones.js', [
    {
      name: 'tombstones-dropped',
      hole: 'deletions are forgotten while a copy may have missed them',
      find: 'if (hasOtherCopies(index)) continue;',
      replace: '',
    },
  ]),
];
