/** What every engine must do, as tests that each driver's file runs on its own. */
import * as assert from 'uvu/assert';
import type { Engine, EngineRecord } from '../../../../../control/replication/engine.ts';
import type { Suite } from '../../../../kit/suite.ts';

/** A record that differs from others by its nonce. */
export function recordOf(nonce: string, changes: Partial<EngineRecord> = {}): EngineRecord {
  return {
    clusterId: '0123456789abcdef',
    epoch: 3,
    leader: 'a',
    leaderAddress: 'a.example:7701',
    resigned: 'c',
    isr: [
      { id: 'a', storeId: 's1' },
      { id: 'b', storeId: 's2' },
    ],
    members: [
      { id: 'a', address: 'a.example:7701', role: 'voter' },
      { id: 'b', address: 'b.example:7701', role: 'voter' },
      { id: 'c', address: '[::1]:7701', role: 'learner' },
    ],
    minIsr: 1,
    featureLevel: 2,
    renewNo: 17,
    nonce,
    ...changes,
  };
}

/** A signal that does not fire. */
export const never = new AbortController().signal;

/** The record's nonce, null if absent. Throws if the reading failed. */
export async function nonceOf(engine: Engine): Promise<string | null> {
  const read = await engine.read(never);
  if (read.kind === 'failed') throw new Error(read.reason);
  return read.kind === 'absent' ? null : read.record.nonce;
}

/** The record's version. Throws if there is none. */
export async function versionOf(engine: Engine): Promise<string> {
  const read = await engine.read(never);
  if (read.kind !== 'record') throw new Error(JSON.stringify(read));
  return read.version;
}

/** Adds the tests. `open` gives an engine without a record; it is closed by whoever opens the next. */
export function testContract(test: Suite['test'], open: () => Promise<Engine>): void {
  test('absent, created once, read as it was written', async () => {
    const engine = await open();
    assert.equal(await engine.read(never), { kind: 'absent' });
    const made = await engine.cas(null, recordOf('n1'), never);
    assert.is(made.kind, 'ok');
    assert.equal(await engine.cas(null, recordOf('n2'), never), { kind: 'conflict' });
    const read = await engine.read(never);
    assert.ok(read.kind === 'record' && made.kind === 'ok');
    assert.equal(read.record, recordOf('n1'));
    assert.is(read.version, made.version);
  });

  test('only the version that is there can be replaced', async () => {
    const engine = await open();
    assert.equal(await engine.cas('1 AAAA', recordOf('n0'), never), { kind: 'conflict' });
    const first = await engine.cas(null, recordOf('n1'), never);
    assert.ok(first.kind === 'ok');
    const second = await engine.cas(first.version, recordOf('n2', { leader: '' }), never);
    assert.ok(second.kind === 'ok');
    assert.is.not(second.version, first.version);
    assert.equal(await engine.cas(first.version, recordOf('n3'), never), { kind: 'conflict' });
    assert.is(await nonceOf(engine), 'n2');
    const third = await engine.cas(second.version, recordOf('n4'), never);
    assert.is(third.kind, 'ok');
    assert.is(await nonceOf(engine), 'n4');
  });

  test('of many swaps of one version at once, one is done', async () => {
    const engine = await open();
    await engine.cas(null, recordOf('n0'), never);
    const version = await versionOf(engine);
    const names = Array.from({ length: 12 }, (_, at) => `n${at + 1}`);
    const ends = await Promise.all(names.map((name) => engine.cas(version, recordOf(name), never)));
    const winners = names.filter((_, at) => ends[at]?.kind === 'ok');
    assert.is(winners.length, 1);
    assert.is(ends.filter((end) => end.kind === 'conflict').length, names.length - 1);
    assert.is(await nonceOf(engine), winners[0]);
  });

  test('a change is hinted at, until the watch ends', async () => {
    const engine = await open();
    let hints = 0;
    let onHint = (): void => {};
    const next = () =>
      new Promise<void>((resolve) => {
        onHint = resolve;
      });
    const stop = engine.watch(() => {
      hints += 1;
      onHint();
    });
    // A hint may come when the watch begins; changes are made until one is hinted at after that.
    let last: string | null = null;
    for (let round = 0; hints < 3 && round < 100; round += 1) {
      const hinted = next();
      const end = await engine.cas(last, recordOf(`n${round}`), never);
      assert.ok(end.kind === 'ok');
      last = end.version;
      await Promise.race([hinted, new Promise((resolve) => setTimeout(resolve, 200))]);
    }
    assert.ok(hints >= 3, `${hints} hints`);
    stop();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const counted = hints;
    await engine.cas(last, recordOf('last'), never);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.is(hints, counted);
  });
}
