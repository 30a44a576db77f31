/** Planted bugs of replication: each takes one rule out of the compiled core, or out of a disk. */
import { inFile } from '../bugs/in-file.ts';
import type { Bug } from '../bugs/list.ts';

const CORE = 'control/replication/core';

/** Epochs, and who may lead. */
const LEADING: readonly Bug[] = [
  ...inFile(`${CORE}/leader.js`, [
    {
      name: 'no-fence-at-takeover',
      hole: 'a new leader goes on obeying the old one',
      find: 'raiseFence(state, record.epoch);',
      replace: '',
      isQuick: true,
    },
    {
      name: 'open-before-barrier',
      hole: 'a leader opens before its first entry is committed',
      find: '|| log.applied.index < leading.barrierIndex',
      replace: '',
      isQuick: true,
    },
  ]),
  ...inFile(`${CORE}/takeover.js`, [
    {
      name: 'taker-from-outside',
      hole: 'a replica that is not in the in-sync set takes over',
      find: 'if (isForeign(state) || !isInSync(state, record))',
      replace: 'if (isForeign(state))',
      isQuick: true,
    },
  ]),
  ...inFile(`${CORE}/witness.js`, [
    {
      name: 'rolled-back-leads',
      hole: 'a leader whose disk was rolled back does not mind what callers have seen',
      find: 'if (seen.index === 0 || !isOfThisCluster(state, seen)) return false;',
      replace: 'return false;',
      isQuick: true,
    },
    {
      name: 'claims-believed',
      hole: 'a replica that lacks nothing does not lead, for a caller says that it saw more',
      find: 'seen.epoch === wholeEpoch || ',
      replace: '',
    },
  ]),
  ...inFile('test/sim/replication/disk.js', [
    {
      name: 'wiped-disk-keeps-id',
      hole: 'a disk that was wiped counts as the one it was',
      find: 'this.storeId = freshStoreId;',
      replace: '',
      isQuick: true,
    },
  ]),
];

/** The in-sync set, and unknown outcomes. */
const IN_SYNC: readonly Bug[] = [
  ...inFile(`${CORE}/record.js`, [
    {
      name: 'shrunk-before-answer',
      hole: 'who shall leave the set is not waited for any more before that is confirmed',
      find: 'engine.open = union(engine.open, record.isr);',
      replace:
        'engine.open = []; if (engine.known !== undefined) engine.known = { ...engine.known, record: { ...engine.known.record, isr: record.isr } };',
      isQuick: true,
    },
    {
      name: 'added-not-required',
      hole: 'who shall join the set is waited for only once that is confirmed',
      find: 'engine.open = union(engine.open, record.isr);',
      replace: '',
      isQuick: true,
    },
    {
      name: 'unknown-is-failed',
      hole: 'an attempt whose outcome is unknown counts as failed',
      find: "if (outcome.kind === 'unknown')",
      replace: "engine.open = []; if (outcome.kind === 'unknown')",
      isQuick: true,
    },
    {
      name: 'any-nonce-is-ours',
      hole: 'another one’s record counts as the own attempt that was in doubt',
      find: 'attempt?.record.nonce === outcome.record.nonce ? attempt : undefined',
      replace: 'attempt',
    },
  ]),
  ...inFile(`${CORE}/in-sync.js`, [
    {
      name: 'lagging-added',
      hole: 'a replica that lacks committed entries joins the set',
      find: '|| peer.matchIndex < floorIndex',
      replace: '',
      isQuick: true,
    },
    {
      name: 'added-before-barrier',
      hole: 'what older leaders committed does not count for who joins',
      find: 'Math.max(state.log.commit.index, leading.barrierIndex)',
      replace: 'state.log.commit.index',
    },
    {
      name: 'added-while-alone',
      hole: 'a replica joins while a write is under way that was to be committed without it',
      find: 'writing !== undefined && writing.commitIndex > commit.index',
      replace: 'false',
    },
  ]),
];

/** The log, acknowledgements, reads. */
const LOG: readonly Bug[] = [
  ...inFile(`${CORE}/follower.js`, [
    {
      name: 'truncates-without-conflict',
      hole: 'an older message takes away entries behind what it brings',
      find: 'if (own === undefined || own.chain === entry.chain)',
      replace: 'if (own === undefined || (own.chain === entry.chain && entry.index <= settled))',
      isQuick: true,
    },
    {
      name: 'acknowledged-before-disk',
      hole: 'entries are acknowledged that are on their way to the disk',
      find: 'Math.min(following.matchedIndex, log.durableIndex)',
      replace: 'following.matchedIndex',
    },
    {
      name: 'commits-what-differs',
      hole: 'a follower takes its own entries for committed ones of the leader',
      find: 'Math.min(message.commitIndex, following.matchedIndex)',
      replace: 'Math.min(message.commitIndex, log.last.index)',
    },
    {
      name: 'old-leader-obeyed',
      hole: 'entries of an epoch that was replaced are taken',
      find: 'message.epoch < log.fence ||',
      replace: '',
    },
    {
      name: 'another-disk-replaced',
      hole: 'a late snapshot, meant for an older disk, takes the place of one that counts',
      find: '&& snapshot.storeId === state.storeId',
      replace: '',
    },
    {
      name: 'replaced-under-later-leader',
      hole: 'a late snapshot of an older leader takes the place of what was promised to a later one',
      find: '&& snapshot.epoch >= log.fence',
      replace: '',
    },
  ]),
  ...inFile(`${CORE}/reads.js`, [
    {
      name: 'read-without-round',
      hole: 'a strong read is not confirmed by the others',
      find: 'round = peer?.storeId === storeId ? Math.min(round, peer.round) : 0;',
      replace: '',
    },
  ]),
];

/** All of them. */
export const REPLICA_BUGS: readonly Bug[] = [...LEADING, ...IN_SYNC, ...LOG];
