/** Planted bugs of the lane: order, answers, outcomes, readings, views, leases, restarts. */
import { inFile } from './in-file.ts';
import type { Bug } from './list.ts';

/** Order in the lane, and permission (rules 1 to 3). */
const ORDER: readonly Bug[] = [
  ...inFile('control/lane/conflicts.js', [
    {
      name: 'filters-pass',
      isQuick: true,
      hole: 'writes without a list of documents conflict with nothing',
      find: "if (scopes.includes('all')) return sharesShard(later, earlier);",
      replace: "if (scopes.includes('all')) return false;",
    },
    {
      name: 'unanswered-passed',
      isQuick: true,
      hole: 'a later write does not wait for an unanswered one on a copy that counts',
      find: "if (isOpen || intent.outcomes[intent.shards.indexOf(shard)] === 'open') return true;",
      replace: '',
    },
    {
      name: 'fixes-overtaken',
      isQuick: true,
      hole: 'writes do not wait for a fix that is on its way to a copy being filled',
      find: "if (copy === 'filling' && isOpen) return true;",
      replace: '',
    },
  ]),
  ...inFile('control/lane/permission.js', [
    {
      name: 'targets-of-begin',
      hole: 'the permission carries the targets as they were at Begin',
      find: 'if (kept.length === target.shards.length) continue;',
      replace: 'continue;',
    },
    {
      name: 'behind-not-noted',
      hole: 'what begins while a copy is behind is not noted for it',
      find: "else if (copyState === 'behind' || copyState === 'suspect') notePassed(state, copy, missed);",
      replace: "else if (copyState === 'behind' || copyState === 'suspect') return;",
    },
  ]),
  {
    name: 'pass-not-noted',
    hole: 'a write that passes an unanswered one over on a suspect copy is not noted there, nor is that',
    patches: [
      {
        file: 'control/lane/permission.js',
        find: 'noteBoth(state, { open, earlier, index });',
        replace: '',
      },
      {
        file: 'control/lane/permission.js',
        find: "else if (copyState === 'behind' || copyState === 'suspect') notePassed(state, copy, missed);",
        replace:
          "else if (copyState === 'suspect') continue; else if (copyState === 'behind') notePassed(state, copy, missed);",
      },
      {
        file: 'control/lane/permission.js',
        find: "if (copyState === 'behind' || copyState === 'suspect') { notePassed(",
        replace: "if (copyState === 'behind') { notePassed(",
      },
    ],
  },
  ...inFile('control/catalog/plan-write.js', [
    {
      name: 'update-while-filling',
      hole: 'a copy being filled takes partial updates',
      find: "const isWhole = input.kind === 'documentsReplace' && !input.skipsCreation;",
      replace: 'const isWhole = true;',
    },
    {
      name: 'filter-while-filling',
      hole: 'a copy being filled takes deletions by filter and edits',
      find: 'const fitsFilling = !input.touchesAllShards && (',
      replace: 'const fitsFilling = input.touchesAllShards || (',
    },
  ]),
];

/** What sends and tasks came to (rules 4 to 14). */
const OUTCOMES: readonly Bug[] = [
  ...inFile('control/lane/settle.js', [
    {
      name: 'all-suspect',
      hole: 'copies stop to count for an unanswered write that no copy surely has',
      find: "const isTaken = counting.some(({ target }) => target.state === 'enqueued');",
      replace: "const isTaken = counting.some(({ target }) => target.state !== 'refused');",
    },
    {
      name: 'unknown-counts',
      hole: 'a copy that did not answer goes on to count',
      find: "if (target.state === 'unknown') demote(state, copy, { to: 'suspect', reason, missed: null });",
      replace: "if (target.state === 'unknown') void 0;",
    },
    {
      name: 'refused-counts',
      hole: 'a copy that refused a write goes on to count',
      find: "else if (target.state !== 'enqueued') demote(state, copy, { to: 'behind', reason, missed });",
      replace: '',
    },
    {
      name: 'refused-forgotten',
      hole: 'a copy that refused a write is behind, but the write is not noted',
      find: "else if (target.state !== 'enqueued') demote(state, copy, { to: 'behind', reason, missed });",
      replace:
        "else if (target.state !== 'enqueued') demote(state, copy, { to: 'behind', reason, missed: null });",
    },
  ]),
  ...inFile('control/lane/finality.js', [
    {
      name: 'final-by-one',
      hole: 'a write is final when one copy applied it',
      find: "if (counting.some(({ result }) => result === 'open')) return;",
      replace: "if (!isApplied && counting.some(({ result }) => result === 'open')) return;",
    },
    {
      name: 'failure-forgiven',
      hole: 'a copy on which a write failed goes on to count though others applied it',
      find: "if (result === 'ok') continue;",
      replace: 'release(state, copy, intent.seq); continue;',
    },
  ]),
  ...inFile('control/copies/demote.js', [
    {
      name: 'no-hold',
      hole: 'a copy on which a write failed is read while that is undecided',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in the source
      find: "setCopyState(state, copy, { to: 'held', reason: `write ${seq} failed on it` });",
      replace: '',
    },
    {
      name: 'back-early',
      hole: 'a suspect copy counts again while a write that counts is still in its queue',
      find: 'const verdict = judgeQueue(state, copy);',
      replace: "const verdict = 'clean';",
    },
    {
      name: 'held-forgotten',
      hole: 'a failure that is undecided is forgotten when the copy is demoted for another reason',
      find: 'if (!isOut && (isUnseen || hasFailedPart(target)))',
      replace: "if (!isOut && isUnseen && resultOf(target) === 'open')",
    },
    {
      name: 'queue-forgotten',
      hole: 'what is in the queue of a copy that is demoted is not noted',
      find: 'noteUnseen(state, copy);',
      replace: '',
    },
  ]),
  ...inFile('control/copies/sends.js', [
    {
      name: 'parts-suffice',
      hole: 'some parts of a send count as the whole',
      find: "return target.state === 'partial' ? 'failed' : 'ok';",
      replace: "return 'ok';",
    },
  ]),
  ...inFile('control/lane/quorum.js', [
    {
      name: 'ack-before-views',
      hole: '202 does not wait for the views that take a copy away',
      find: "if (!isShrinkConfirmed(state, index, intent.shards)) return 'unconfirmed';",
      replace: '',
    },
    {
      name: 'no-quorum',
      hole: 'fewer copies than min_copies are enough',
      find: 'if (nodeIds.length < minCopies) return false;',
      replace: '',
    },
  ]),
  ...inFile('control/lane/progress.js', [
    {
      name: 'final-before-views',
      hole: 'a task ends without waiting for the views that take a copy away',
      find: 'if (index === undefined || isShrinkConfirmed(state, index, intent.shards)) return true;',
      replace: 'if (intent.seq >= 0) return true;',
    },
  ]),
];

/** A 202 before control answered the report (rules 4 and 9). */
const ANSWERS: readonly Bug[] = [
  ...inFile('control/lane/stands-when-taken.js', [
    {
      name: 'first-though-missed',
      isQuick: true,
      hole: 'a client is answered before the report although a copy does not get the write',
      find: "copyState === 'in-sync' && intent.targets[nodeId]?.shards.includes(shard) === true",
      replace: 'true',
    },
    {
      name: 'first-before-views',
      hole: 'a client is answered before the report although an older view may miss a copy',
      find: 'return isShrinkConfirmed(state, index, intent.shards);',
      replace: 'return true;',
    },
  ]),
  ...inFile('sidecar/writes/answer-first.js', [
    {
      name: 'first-untaken',
      isQuick: true,
      hole: 'a client is answered before the report although a node did not take all of the write',
      find: 'isTaken(share) && ',
      replace: '',
    },
    {
      name: 'first-on-any-permission',
      isQuick: true,
      hole: 'a client is answered before the report whatever the permission said',
      find: '!standsWhenTaken || ',
      replace: '',
    },
  ]),
  {
    name: 'first-without-lease',
    hole: 'a client is answered before the report although the lease is over',
    patches: [
      {
        file: 'sidecar/writes/answer-first.js',
        find: 'if (!isHeld(lease, nowMs))',
        replace: 'if (false)',
      },
      {
        file: 'sidecar/writes/session.js',
        find: 'if (!isHeld(session.lease, nowMs)) lose(session, nowMs, effects);',
        replace: '',
      },
    ],
  },
];

/** Unanswered sends, late tasks, nodes that lost data, leases (rules 4, 7, 9, 11, 12). */
const READINGS: readonly Bug[] = [
  ...inFile('control/lane/closing.js', [
    {
      name: 'lease-end-is-failure',
      hole: 'a send that was not answered counts as never arrived when the lease is over',
      find: "target.state = 'unknown';",
      replace: "target.state = 'none';",
    },
    {
      name: 'closed-too-soon',
      hole: 'a reading that began before the connections were closed proves that nothing arrived',
      find: 'if (reading.startedAtMs < open.closedAtMs) continue;',
      replace: '',
    },
  ]),
  ...inFile('control/lane/tail.js', [
    {
      name: 'late-ignored',
      hole: 'tasks that come late are ignored',
      find: 'takeLateTask(state, { nodeId: reading.nodeId, found, tag, open });',
      replace: '',
    },
    {
      name: 'confirmed-by-old-reading',
      hole: 'a node is confirmed by a reading that began before it was asked for',
      find: 'reading.startedAtMs >= reader.sinceMs &&',
      replace: '',
    },
  ]),
  ...inFile('control/lane/lost-data.js', [
    {
      name: 'loss-unnoticed',
      hole: 'a node that was wiped or rolled back is used as if nothing had happened',
      find: "if (node.lastTaskUid >= 0 && reading.lastKnown !== 'present') return true;",
      replace: '',
    },
    {
      name: 'later-tasks-hide-loss',
      hole: 'of the tasks that a node was told to have the last one alone is looked for',
      find: 'if (hasOtherTask(state, reading)) return true;',
      replace: '',
    },
    {
      name: 'leftovers-kept',
      hole: 'a node that lost data keeps indexes that were deleted or renamed since',
      find: 'doubtIndexes(state, node);',
      replace: 'state.touchCluster();',
    },
  ]),
  ...inFile('control/state/cluster-state.js', [
    {
      name: 'untagged-alike',
      hole: 'tasks without a tag are taken for one another after a loss of data',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in the source
      find: 'return task.enqueuedAt === null ? ANY_MARK : `@${task.enqueuedAt}`;',
      replace: 'return ANY_MARK;',
    },
    {
      name: 'acks-unrecorded',
      hole: 'the last task of a node is known from readings only',
      find: 'if (node !== undefined && uid > node.lastTaskUid) {',
      replace: 'if (false) {',
    },
  ]),
  ...inFile('control/copies/confirmed.js', [
    {
      name: 'restart-forgets-readers',
      hole: 'control that has just begun takes nobody for a reader',
      find: 'if (state.nowMs < state.startedMs + TOPOLOGY_LEASE_MS) return false;',
      replace: '',
    },
    {
      name: 'readers-ignored',
      hole: 'readers with older views are not waited for',
      find: 'if (lease.untilMs > state.nowMs && lease.index < index) return false;',
      replace: '',
    },
  ]),
  ...inFile('control/copies/sidecars.js', [
    {
      name: 'lease-for-old-view',
      hole: 'a reader that was silent gets a lease on a view of which others were told that nobody reads it',
      find: 'if (lease.index < state.views.confirmedIndex) {',
      replace: 'if (false) {',
    },
  ]),
  ...inFile('control/copies/shrunk.js', [
    {
      name: 'shrinks-forgotten',
      hole: 'control that has just begun takes copies that were taken away for confirmed',
      find: 'return { epoch, confirmedIndex, floor, outstanding: [...outstanding] };',
      replace: 'return { epoch, confirmedIndex, floor, outstanding: [] };',
    },
  ]),
  ...inFile('control/machine/load.js', [
    {
      name: 'keys-lost',
      hole: 'after a restart an open write does not know its documents',
      find: 'openIntent(intent, Buffer.from(hashes ?? []))',
      replace: 'openIntent(intent, Buffer.alloc(0))',
    },
  ]),
];

/** Writes that are cancelled, and the indexes they were to make. */
const CANCELATIONS: readonly Bug[] = [
  ...inFile('control/tasks/cancel.js', [
    {
      name: 'left-out-not-cancelled',
      hole: 'a settings change counts although every node that got it cancelled it',
      find: "&& step.state !== 'skipped'",
      replace: '',
    },
  ]),
  ...inFile('control/lane/uncreate.js', [
    {
      name: 'making-not-handed-on',
      hole: 'the index of a cancelled write is made by nobody though later writes were planned on it',
      find: 'passOn(state, next);',
      replace: '{}',
    },
    {
      name: 'unmade-under-a-rename',
      hole: 'an index that nobody made takes part in a rename and is not shown',
      find: 'return next !== undefined && isRenaming(next);',
      replace: 'return false;',
    },
    {
      name: 'unmade-stays',
      hole: 'the index of a cancelled write stays on the nodes',
      find: 'if (next === undefined) return remove(state, intent, index);',
      replace: 'if (next === undefined) return false;',
    },
  ]),
];

/** All of them. */
export const LANE_BUGS: readonly Bug[] = [
  ...ORDER,
  ...OUTCOMES,
  ...ANSWERS,
  ...READINGS,
  ...CANCELATIONS,
];
