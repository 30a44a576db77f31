/**
 * Goal: the life of a write keeps its promises at every turn: one report after the last send, nothing sent
 * or accepted without the lease, slow copies cut only where others can stand in.
 * Method: a table of scripts; each line is an event and the effects it must cause, in order.
 */
import * as assert from 'uvu/assert';
import { newSession, type Session, step } from '../../../../sidecar/writes/session.ts';
import { LOOK_INTERVAL_MS } from '../../../../sidecar/writes/session-lease.ts';
import type { SessionEvent } from '../../../../sidecar/writes/session-types.ts';
import { suite } from '../../../kit/suite.ts';
import {
  ACCEPTED,
  answered,
  BEGIN,
  COPY_TIMEOUT_MS,
  END,
  fails,
  granted,
  type Line,
  otherKey,
  play,
  RENEW,
  refusedBy,
  renewed,
  report,
  type Scripts,
  says,
  send,
  share,
  stands,
  start,
  tick,
  UNKNOWN,
  uid,
} from './session-script.ts';

const { test, run } = suite('sidecar/writes session');

/** Scripts by name. Effects that carry bytes or long words are compared in short. */
const SCRIPTS: Scripts = {
  'one node, one part': [
    [0, start, [BEGIN]],
    [3, granted(share('a')), [send('a')]],
    [9, answered('a', uid(1)), [report('a.0=enqueued')]],
    [12, stands, [ACCEPTED, END]],
  ],
  'nothing to send is reported all the same': [
    [0, start, [BEGIN]],
    [3, granted(), [report('')]],
    [12, stands, [ACCEPTED, END]],
  ],
  'parts go one after another, nodes at once': [
    [0, start, [BEGIN]],
    [3, granted(share('a', 2), share('b')), [send('a'), send('b')]],
    [5, answered('a', uid(1)), [send('a', 1)]],
    [6, answered('b', uid(1)), []],
    [7, answered('a', uid(2), 1), [report('a.0=enqueued a.1=enqueued b.0=enqueued')]],
    [8, stands, [ACCEPTED, END]],
  ],
  'after a part that was not taken the rest stays here': [
    [0, start, [BEGIN]],
    [3, granted(share('a', 3)), [send('a')]],
    [4, answered('a', uid(1)), [send('a', 1)]],
    [5, answered('a', UNKNOWN, 1), [report('a.0=enqueued a.1=unknown a.2=refused')]],
    [
      9,
      fails,
      [
        says({
          kind: 'refused',
          code: 'miroir_no_quorum',
          message: 'Too few copies took the write.',
          mayBeIn: true,
        }),
        END,
      ],
    ],
  ],
  'what every node refuses alike is the client to see': [
    [0, start, [BEGIN]],
    [3, granted(share('a', 2), share('b')), [send('a'), send('b')]],
    [4, answered('a', refusedBy(422)), []],
    [5, answered('b', refusedBy(422)), [report('a.0=refused a.1=refused b.0=refused')]],
    [6, fails, [says({ kind: 'relayed', status: 422, body: Buffer.from('no') }), END]],
  ],
  'two refusals that differ are no refusal of the client': [
    [0, start, [BEGIN]],
    [3, granted(share('a'), share('b')), [send('a'), send('b')]],
    [4, answered('a', refusedBy(422)), []],
    [5, answered('b', refusedBy(500)), [report('a.0=refused b.0=refused')]],
    [6, fails, ['reply refused', END]],
  ],
  'settled, refused and unreachable end at once': [
    [0, start, [BEGIN]],
    [
      1,
      { kind: 'begun', outcome: { kind: 'settled', seq: 5, enqueuedAt: 'then' } },
      [ACCEPTED, END],
    ],
    [2, tick, []],
  ],
  'a refusal of Begin': [
    [0, start, [BEGIN]],
    [
      1,
      { kind: 'begun', outcome: { kind: 'refused', code: 'index_not_found', message: 'no' } },
      [says({ kind: 'refused', code: 'index_not_found', message: 'no', mayBeIn: false }), END],
    ],
  ],
  'no control': [
    [0, start, [BEGIN]],
    [1, { kind: 'begun', outcome: { kind: 'unreachable' } }, [says({ kind: 'notBegun' }), END]],
  ],
  'another primary key four times is a loop': [
    [0, start, [BEGIN]],
    ...[1, 2, 3].flatMap((atMs): Line[] => [
      [atMs, otherKey('sku'), [{ kind: 'splitAgain', primaryKey: 'sku' }]],
      [atMs, { kind: 'splitAgain' }, [BEGIN]],
    ]),
    [9, otherKey('id'), [says({ kind: 'keyKeepsChanging' }), END]],
  ],
  'a client that went away while its body was split again is not begun for': [
    [0, start, [BEGIN]],
    [1, otherKey('sku'), [{ kind: 'splitAgain', primaryKey: 'sku' }]],
    [2, { kind: 'clientGone' }, []],
    [3, { kind: 'splitAgain' }, [END]],
  ],
  'a client that goes away later changes nothing': [
    [0, start, [BEGIN]],
    [1, { kind: 'clientGone' }, []],
    [3, granted(share('a')), [send('a')]],
    [9, answered('a', uid(1)), [report('a.0=enqueued')]],
    [12, stands, [ACCEPTED, END]],
  ],
  'renewed each second while bytes move': [
    [0, start, [BEGIN]],
    [3, granted(share('a')), [send('a')]],
    [750, tick, []],
    [1_000, tick, [RENEW]],
    [1_250, tick, []],
    [2_100, tick, []],
    [2_200, renewed('held'), []],
    [2_300, tick, [RENEW]],
    [2_310, renewed('unreachable'), []],
    // Held since 1,000, the moment of the question that was answered.
    [5_749, answered('a', uid(1)), [report('a.0=enqueued')]],
    [5_749, stands, [ACCEPTED, END]],
  ],
  'an acknowledgement that comes after the lease is none': [
    [0, start, [BEGIN]],
    [3, granted(share('a')), [send('a')]],
    [4_749, answered('a', uid(1)), [report('a.0=enqueued')]],
    [4_750, stands, [says({ kind: 'abandoned', mayBeIn: true }), END]],
  ],
  'a lost lease cuts, then reports, and the client need not wait for more': [
    [0, start, [BEGIN]],
    [3, granted(share('a', 2), share('b', 2)), [send('a'), send('b')]],
    [1_000, tick, [RENEW]],
    [1_001, renewed('lost'), ['cut a', 'cut b']],
    [1_002, answered('a', UNKNOWN), []],
    // An answer that was faster than the cut counts, but no other part follows.
    [
      1_003,
      answered('b', uid(4)),
      [
        report('a.0=unknown a.1=refused b.0=enqueued b.1=refused'),
        says({ kind: 'abandoned', mayBeIn: true }),
      ],
    ],
    [1_009, stands, [END]],
  ],
  'a process that stood still sends nothing more, and cuts what others are at': [
    [0, start, [BEGIN]],
    [3, granted(share('a', 2), share('b')), [send('a'), send('b')]],
    [9_000, answered('a', uid(1)), ['cut b']],
    [
      9_001,
      answered('b', UNKNOWN),
      [report('a.0=enqueued a.1=refused b.0=unknown'), says({ kind: 'abandoned', mayBeIn: true })],
    ],
    [9_002, stands, [END]],
  ],
  'a lease that runs out is lost too': [
    [0, start, [BEGIN]],
    [3, granted(share('a')), [send('a')]],
    [1_000, tick, [RENEW]],
    [3_000, renewed('unreachable'), []],
    [3_000, tick, [RENEW]],
    [4_749, tick, []],
    [4_750, tick, ['cut a']],
    [4_751, renewed('held'), []],
    [
      4_752,
      answered('a', UNKNOWN),
      [report('a.0=unknown'), says({ kind: 'abandoned', mayBeIn: true })],
    ],
    [4_753, { kind: 'reportAnswered', outcome: { kind: 'unreachable' } }, [END]],
  ],
  'lost while the report is under way': [
    [0, start, [BEGIN]],
    [3, granted(share('a')), [send('a')]],
    [4, answered('a', uid(1)), [report('a.0=enqueued')]],
    [4_750, tick, [says({ kind: 'abandoned', mayBeIn: true })]],
    [5_000, tick, []],
    [5_001, stands, [END]],
  ],
  'a long wait for the permission: renewed before anything is sent': [
    [0, start, [BEGIN]],
    [20_000, granted(share('a')), [RENEW]],
    [20_002, renewed('held'), [send('a')]],
    [20_003, answered('a', uid(1)), [report('a.0=enqueued')]],
    [20_004, stands, [ACCEPTED, END]],
  ],
  'a long wait: the lease is asked for until it is there, as long as one lasts': [
    [0, start, [BEGIN]],
    [20_000, granted(share('a')), [RENEW]],
    [20_010, tick, []],
    [20_400, renewed('unreachable'), []],
    [21_000, tick, [RENEW]],
    [21_004, renewed('held'), [send('a')]],
    [21_005, answered('a', uid(1)), [report('a.0=enqueued')]],
    [21_006, stands, [ACCEPTED, END]],
  ],
  'a long wait, and the lease never comes: nothing is sent': [
    [0, start, [BEGIN]],
    [20_000, granted(share('a')), [RENEW]],
    [24_750, tick, [report('a.0=refused'), says({ kind: 'abandoned', mayBeIn: false })]],
    [24_751, fails, [END]],
  ],
  'a long wait and no lease: nothing is sent': [
    [0, start, [BEGIN]],
    [20_000, granted(share('a', 2)), [RENEW]],
    [
      20_002,
      renewed('lost'),
      [report('a.0=refused a.1=refused'), says({ kind: 'abandoned', mayBeIn: false })],
    ],
    [20_004, fails, [END]],
  ],
  'a slow copy is cut once others took all it holds': [
    [0, start, [BEGIN]],
    [3, granted(share('a', 1, [0, 1]), share('b', 1, [0]), share('c', 1, [1])), ['sends a b c']],
    [10, answered('b', uid(1)), []],
    [1_000, tick, [RENEW]],
    [1_001, renewed('held'), []],
    [2_000, tick, [RENEW]],
    [2_001, renewed('held'), []],
    [3_003, tick, [RENEW]],
    [3_004, renewed('held'), []],
    [3_100, answered('c', uid(1)), []],
    [3_250, tick, ['cut a']],
    [3_251, tick, []],
    [3_252, answered('a', UNKNOWN), [report('a.0=unknown b.0=enqueued c.0=enqueued')]],
    [
      3_300,
      {
        kind: 'reportAnswered',
        outcome: {
          kind: 'answered',
          stands: true,
          refusal: undefined,
          missed: [{ nodeId: 'a', shardCount: 2, reason: 'timeout' }],
        },
      },
      [
        says({
          kind: 'accepted',
          seq: 5,
          enqueuedAt: 'then',
          missed: [{ nodeId: 'a', shardCount: 2, reason: 'timeout' }],
        }),
        END,
      ],
    ],
  ],
  'control that cannot be told leaves the outcome open': [
    [0, start, [BEGIN]],
    [3, granted(share('a')), [send('a')]],
    [4, answered('a', uid(1)), [report('a.0=enqueued')]],
    [
      5,
      { kind: 'reportAnswered', outcome: { kind: 'unreachable' } },
      [says({ kind: 'unreported', mayBeIn: true }), END],
    ],
  ],
};

play(test, SCRIPTS);

test('nobody is faster than the only copy: it is waited for a minute and a second per megabyte', () => {
  const session = newSession({ copyTimeoutMs: COPY_TIMEOUT_MS });
  step(session, { kind: 'start', nowMs: 0 });
  const bytes = { nodeId: 'a', partBytes: [2_500_000], shards: [0] };
  step(session, { ...granted(bytes), nowMs: 0 } as SessionEvent);
  const cutAtMs = firstCut(session);
  assert.is(cutAtMs, 62_500);
});

/** Lets time pass under a lease that is always renewed. */
function firstCut(session: Session): number {
  for (let nowMs = 0; nowMs < 100_000; nowMs += LOOK_INTERVAL_MS) {
    for (const { kind } of step(session, { kind: 'tick', nowMs })) {
      if (kind === 'cut') return nowMs;
      if (kind === 'renew') step(session, { ...renewed('held'), nowMs } as SessionEvent);
    }
  }
  return -1;
}

run();
