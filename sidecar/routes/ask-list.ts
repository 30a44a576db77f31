/**
 * Asking a node for a list of hits that may be longer than it shows at once (core/ranking, list parts): the
 * parts one after another, since each is asked for without those before. Together they are one answer.
 */
import type { NodeOutcome } from '../../core/meilisearch/outcome.ts';
import { hitsWanted, type JsonObject, ListParts } from '../../core/ranking/index.ts';
import { tryRead } from './unreadable.ts';

/** All parts of a list together are no larger than one answer may be. */
const LIST_BYTES_MAX = 512 * 1024 * 1024;

/** The node's answer to a search with all hits that are asked for, or the first call that came to no answer. */
export async function askList(
  body: JsonObject,
  hitsMax: number,
  ask: (body: JsonObject) => Promise<NodeOutcome>,
): Promise<NodeOutcome> {
  if (hitsWanted(body) <= hitsMax) return ask(body);
  const parts = new ListParts(body, hitsMax);
  let last: NodeOutcome = { kind: 'aborted' };
  let elapsedMs = 0;
  let bytes = 0;
  for (let part = parts.next(); part !== undefined; part = parts.next()) {
    last = await ask(part);
    if (last.kind !== 'answered' || last.status !== 200) return last;
    const { body: answer } = last;
    elapsedMs += last.elapsedMs;
    bytes += answer.length;
    if (bytes > LIST_BYTES_MAX) return { kind: 'too-large', limitBytes: LIST_BYTES_MAX };
    // The merge, too, will find that this is none.
    if (tryRead(() => parts.add(answer)) === undefined) return last;
  }
  return last.kind === 'answered' ? { ...last, body: parts.whole(), elapsedMs } : last;
}
