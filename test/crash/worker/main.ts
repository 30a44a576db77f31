/**
 * Opens images as control opens its data folder: looks at the file first, then opens it and reads all of it. A
 * line of stdin is the folder of one image; answers are lines of JSON. What kills this process kills control.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { followsChain, readHead, Store } from '../../../control/store/index.ts';
import { readThrough } from '../../../control/store/read-through.ts';
import { hashOf, type Version } from '../version.ts';

/** What became of one image. */
export type Answer =
  /** The look is over: from here on nothing may go wrong. */
  | { readonly kind: 'trusted' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'opened'; readonly version: Version };

for await (const folder of createInterface(process.stdin)) {
  // A look from outside ends by an exit; the line is for the one who waits.
  const refusal = await readThrough(folder, []).then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (refusal !== undefined) {
    answer({ kind: 'refused', reason: refusal });
    continue;
  }
  answer({ kind: 'trusted' });
  answer(await open(folder));
}

function answer(words: Answer): void {
  writeSync(1, `${JSON.stringify(words)}\n`);
}

async function open(folder: string): Promise<Answer> {
  try {
    const store = new Store({
      folder,
      nowSeconds: 1,
      freshId: () => 'ef01',
      onPoisoned: (error) => {
        throw error;
      },
    });
    const version: Version = {
      index: Number(store.position.index),
      applied: Number(store.appliedIndex),
      fence: Number(store.fence),
      chain: Buffer.from(store.chain).toString('hex'),
      state: hashOf(
        [...store.range('')].map(({ key, value }) => ({ key, value: Buffer.from(value) })),
      ),
    };
    checkLog(store, version);
    // It goes on from there.
    await store.write({ entries: [], commitIndex: 0n });
    await store.close();
    return { kind: 'opened', version };
  } catch (error) {
    return { kind: 'failed', reason: (error as Error).message };
  }
}

function checkLog(store: Store, version: Version): void {
  const entries = store.entriesFrom(1n, Number.MAX_SAFE_INTEGER);
  if (entries === 'trimmed' || entries.length !== version.index)
    throw new Error('entries are gone');
  let chain: Uint8Array = new Uint8Array(16);
  for (const { index, bytes } of entries) {
    if (!followsChain(chain, bytes)) throw new Error(`entry ${index} does not follow`);
    chain = Uint8Array.from(readHead(bytes).chain);
  }
  if (Buffer.from(chain).toString('hex') !== version.chain) throw new Error('the chain has no end');
}
