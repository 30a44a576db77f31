/**
 * A tenant token is signed with the text of a key, which no sidecar holds, so a node judges it. It does so
 * before it looks at a body: asked with a body that cannot be read, it refuses the token or, if the token
 * is good, the body, and does no work. Only then is the client's own body taken in and looked at here.
 * Every search is judged again by the nodes that answer it, so a yes may be remembered for a moment.
 */
import { hashToken } from '../auth/bearer.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { askAnyNode, relay } from './ask.ts';
import type { RouteContext } from './context.ts';
import { indexPath } from './missing-index.ts';

const REMEMBERED_MS = 1_000;
const REMEMBERED_MAX = 10_000;
const UNREADABLE_BODY = '{';

/** Judges tenant tokens for one worker. */
export class TenantCheck {
  /** When a yes is forgotten, by token and path. */
  readonly #forgetAtMs = new Map<string, number>();
  readonly #nowMs: () => number;

  /** `nowMs`: milliseconds of a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** A node's refusal of the caller's token; undefined if it is good for this path. Throws if no node answers. */
  async refusal(context: RouteContext): Promise<GatewayReply | undefined> {
    const path = checkedPath(context);
    const place = `${hashToken(context.access.token)} ${path}`;
    if ((this.#forgetAtMs.get(place) ?? 0) > this.#nowMs()) return undefined;
    const answer = await askAnyNode(context, { method: 'POST', path, body: UNREADABLE_BODY });
    if (answer.status === 401 || answer.status === 403) return relay(context, answer);
    this.#remember(place);
    return undefined;
  }

  #remember(place: string): void {
    this.#forgetAtMs.delete(place);
    for (const oldest of this.#forgetAtMs.keys()) {
      if (this.#forgetAtMs.size < REMEMBERED_MAX) break;
      this.#forgetAtMs.delete(oldest);
    }
    this.#forgetAtMs.set(place, this.#nowMs() + REMEMBERED_MS);
  }
}

/** The route with the client's own index; what is judged does not depend on the method. */
function checkedPath(context: RouteContext): string {
  const uid = context.params['index_uid'];
  const last = context.template.split('/').at(-1) ?? '';
  return uid === undefined ? context.template : indexPath(uid, last);
}
