/** The look at a suspect file (examine.ts): reads and checks every value, then the log's chain. */

import { followsChain } from './log-entry.ts';
import { Store } from './store.ts';

const folder = process.argv[2] ?? '';
try {
  const store = new Store({ folder, nowSeconds: 0, onPoisoned: () => {} });
  for (const _ of store.range('')) {
    // reading is the check
  }
  let previous: Uint8Array | undefined;
  for (const { index, bytes } of store.logEntries()) {
    if (previous !== undefined && !followsChain(previous, bytes)) {
      throw new Error(`the log's chain breaks at ${index}`);
    }
    previous = Uint8Array.from(bytes.subarray(8, 24));
  }
  await store.close();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
