/**
 * Goal: the engine of a single replica swaps one after the other and knows nothing that is not on disk.
 * Method: the contract of engines over a place in memory whose flush can be held back or fail.
 */
import * as assert from 'uvu/assert';
import { LocalEngine, type RecordPlace } from '../../../../../control/replication/engines/local.ts';
import { suite } from '../../../../kit/suite.ts';
import { never, nonceOf, recordOf, testContract } from './contract.ts';

const { test, run } = suite('engine: local');

/** A place whose writes end when and as the test says. */
class Place implements RecordPlace {
  bytes: Uint8Array | undefined;
  flush: () => Promise<void> = () => Promise.resolve();

  get(): Uint8Array | undefined {
    return this.bytes;
  }

  async put(bytes: Uint8Array): Promise<void> {
    await this.flush();
    this.bytes = bytes;
  }
}

testContract(test, async () => new LocalEngine(new Place()));

test('what is not on disk yet is not read, and the next swap waits for it', async () => {
  const place = new Place();
  const engine = new LocalEngine(place);
  let finish = (): void => {};
  place.flush = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const swap = engine.cas(null, recordOf('n1'), never);
  const reading = engine.read(never);
  const second = engine.cas(null, recordOf('n2'), never);
  await new Promise((resolve) => setImmediate(resolve));
  finish();
  assert.is((await swap).kind, 'ok');
  const read = await reading;
  assert.is(read.kind === 'record' && read.record.nonce, 'n1');
  assert.is((await second).kind, 'conflict');
});

test('a write that failed may have been done', async () => {
  const place = new Place();
  const engine = new LocalEngine(place);
  place.flush = () => Promise.reject(new Error('no space'));
  assert.equal(await engine.cas(null, recordOf('n1'), never), {
    kind: 'unknown',
    reason: 'no space',
  });
  place.flush = () => Promise.resolve();
  assert.is((await engine.cas(null, recordOf('n2'), never)).kind, 'ok');
  assert.is(await nonceOf(engine), 'n2');
});

test('a record that cannot be read is a failure, not an absence', async () => {
  const place = new Place();
  const engine = new LocalEngine(place);
  for (const text of ['', '[]', '{"nonce":1}', '{}', '\u0000']) {
    place.bytes = Buffer.from(text);
    assert.is((await engine.read(never)).kind, 'failed', text);
    assert.is((await engine.cas(null, recordOf('n1'), never)).kind, 'unknown', text);
  }
});

run();
