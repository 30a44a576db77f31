/**
 * Goal: the life of a write whose client is answered before the report is: who is, who is not, and what goes on
 * until the report is answered.
 * Method: scripts; each line is an event and the effects it must cause, in order.
 */
import { suite } from '../../../kit/suite.ts';
import {
  ACCEPTED,
  answered,
  BEGIN,
  doubted,
  END,
  fails,
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
  sure,
  tick,
  UNKNOWN,
  uid,
} from './session-script.ts';

const { test, run } = suite('sidecar/writes session, answered first');

const SCRIPTS: Scripts = {
  'answered before the report where nothing is left to be judged': [
    [0, start, [BEGIN]],
    [3, sure(2, share('a', 2), share('b')), [send('a'), send('b')]],
    [5, answered('a', uid(1)), [send('a', 1)]],
    [6, answered('b', uid(1)), []],
    [7, answered('a', uid(2), 1), [report('a.0=enqueued a.1=enqueued b.0=enqueued'), ACCEPTED]],
    [12, stands, [END]],
  ],
  'the lease of an answered write is renewed until the report is answered': [
    [0, start, [BEGIN]],
    [3, sure(1, share('a')), [send('a')]],
    [9, answered('a', uid(1)), [report('a.0=enqueued'), ACCEPTED]],
    [750, tick, []],
    [1_000, tick, [RENEW]],
    [1_001, renewed('lost'), []],
    [1_250, tick, []],
    [1_300, fails, [END]],
  ],
  'control that stays away ends an answered write without a word': [
    [0, start, [BEGIN]],
    [3, sure(1, share('a')), [send('a')]],
    [9, answered('a', uid(1)), [report('a.0=enqueued'), ACCEPTED]],
    [5_000, tick, []],
    [9_000, { kind: 'reportAnswered', outcome: { kind: 'unreachable' } }, [END]],
  ],
  'not before the report with a node that took nothing': [
    [0, start, [BEGIN]],
    [3, sure(2, share('a'), share('b')), [send('a'), send('b')]],
    [4, answered('a', uid(1)), []],
    [5, answered('b', UNKNOWN), [report('a.0=enqueued b.0=unknown')]],
    [6, stands, [ACCEPTED, END]],
  ],
  'not before the report with a part that was not taken': [
    [0, start, [BEGIN]],
    [3, sure(1, share('a', 2)), [send('a')]],
    [4, answered('a', uid(1)), [send('a', 1)]],
    [5, answered('a', refusedBy(503), 1), [report('a.0=enqueued a.1=refused')]],
    [6, stands, [ACCEPTED, END]],
  ],
  'not before the report with a target that was sent nothing': [
    [0, start, [BEGIN]],
    [3, sure(2, share('a')), [send('a')]],
    [4, answered('a', uid(1)), [report('a.0=enqueued')]],
    [6, stands, [ACCEPTED, END]],
  ],
  'not before the report with nothing sent at all': [
    [0, start, [BEGIN]],
    [3, sure(0), [report('')]],
    [6, stands, [ACCEPTED, END]],
  ],
  'not before the report with a copy that a newer view takes out': [
    [0, start, [BEGIN]],
    [3, sure(1, share('a', 2)), [send('a')]],
    [4, doubted('a', uid(1)), [send('a', 1)]],
    [5, answered('a', uid(2), 1), [report('a.0=enqueued a.1=enqueued')]],
    [6, stands, [ACCEPTED, END]],
  ],
  'not before the report when the lease is over by then': [
    [0, start, [BEGIN]],
    [3, sure(1, share('a')), [send('a')]],
    [4_749, tick, [RENEW]],
    [
      4_750,
      answered('a', uid(1)),
      [report('a.0=enqueued'), says({ kind: 'abandoned', mayBeIn: true })],
    ],
    [4_760, stands, [END]],
  ],
};

play(test, SCRIPTS);
run();
