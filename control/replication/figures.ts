/** What a replica shows at its metrics. */
import type { ReplicationFigures } from '../../core/telemetry/index.ts';
import { type CoreState, roleOf } from './core/index.ts';

/** Reads them. */
export function figuresOf(state: Readonly<CoreState>): ReplicationFigures {
  const { engine, leading, log } = state;
  const record = engine.known?.record;
  const lagEntries = new Map<string, number>();
  for (const { id } of record?.members ?? []) {
    const peer = leading?.peers.get(id);
    if (peer !== undefined) lagEntries.set(id, Math.max(0, log.last.index - peer.matchIndex));
  }
  return {
    role: roleOf(state),
    epoch: record?.epoch ?? 0,
    inSyncCount: record?.isr.length ?? 0,
    lagEntries,
  };
}
