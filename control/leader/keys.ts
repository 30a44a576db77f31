/** The keys of the nodes: the table that sidecars get, and the routes that change them. */
import type { Secrets } from '../api/index.ts';
import { hashHex, INTERNAL_KEY_UID, KeyCalls, KeyTable, keyText } from '../keys/index.ts';
import type { Runner } from '../machine/index.ts';
import type { State } from '../state/index.ts';
import type { Watchers } from '../watchers.ts';

/** Sets both up. */
export function setUpKeys(parts: {
  readonly state: State;
  readonly nodeWatch: Watchers;
  readonly runner: Runner;
  readonly signal: AbortSignal;
}): { readonly keys: KeyTable; readonly keyCalls: KeyCalls } {
  const { state, nodeWatch, runner, signal } = parts;
  const ofNodes = {
    usableNodes: () => nodeWatch.usableNodes(),
    nodeCount: () => state.memberNodes().length,
    signal,
  };
  const keys = new KeyTable({
    ...ofNodes,
    steadyMs: () => performance.now(),
    onKeys: (records) => {
      if (JSON.stringify(records) === JSON.stringify(state.cluster.keys)) return;
      runner.submit({ kind: 'cluster', change: { keys: [...records] } });
    },
  });
  const refreshNow = async (): Promise<boolean> => {
    const isRead = await keys.refreshNow();
    // Sidecars hear of the key before the client does.
    await runner.settled();
    return isRead;
  };
  return { keys, keyCalls: new KeyCalls({ ...ofNodes, refreshNow }) };
}

/** What sidecars get besides the state. */
export function secretsOf(masterKey: string): Secrets {
  const internalKey = keyText(masterKey, INTERNAL_KEY_UID);
  return { masterKeyHashHex: hashHex(masterKey), internalKey };
}
