/**
 * What supports a verdict, asked of the reference node alone: the same documents and settings once
 * more, but with nothing hidden and nothing cut short, so that the rank of every document and the
 * count of every facet value can be seen. Made only when a difference asks for it.
 */

import { parseTree } from '../../stories/lossless.ts';
import { isChurned } from '../history.ts';
import { isObj, type Json, type Obj } from '../json.ts';
import { load, unload } from '../load.ts';
import type { Arena } from '../run.ts';
import { type IndexPlan, type Scenario, UID_PREFIX } from '../scenario.ts';
import type { Call, Reply, Server } from '../server.ts';

const WIDE_HITS = 100_000;
const WIDE_FACETS = 100_000;

/** Twins of the indexes of one scenario on the reference node. */
export class Evidence {
  readonly arena: Arena;
  private readonly plans: readonly IndexPlan[];
  private readonly features: Obj;
  private twins: Promise<readonly IndexPlan[]> | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(arena: Arena, scenario: Pick<Scenario, 'features' | 'indexes'>) {
    this.arena = arena;
    this.plans = scenario.indexes;
    this.features = scenario.features;
  }

  /** The plan of an index; undefined if there is no such index. */
  plan(uid: string): IndexPlan | undefined {
    return this.plans.find((plan) => plan.uid === uid);
  }

  /** All settings of an index merged. */
  settings(uid: string): Obj {
    return Object.assign({}, ...(this.plan(uid)?.settings ?? [])) as Obj;
  }

  /** True if documents of the index were replaced or deleted. */
  isChurned(uid: string): boolean {
    const plan = this.plan(uid);
    return plan !== undefined && isChurned(plan.writes, plan.primaryKey);
  }

  /**
   * Searches the twin of an index that hides as the index does ("wide") or hides nothing ("open").
   * Both have no cap on hits and facet values and no distinct attribute.
   */
  async search(twin: 'wide' | 'open', uid: string, params: Obj): Promise<Reply> {
    return this.post(twin, uid, '/search', params);
  }

  /** Any POST to a twin. */
  async post(twin: 'wide' | 'open', uid: string, path: string, body: Json): Promise<Reply> {
    this.twins ??= this.make();
    await this.twins;
    const full = `/indexes/${twinUid(uid, twin)}${path}`;
    return this.arena.reference.send({ method: 'POST', path: full, body });
  }

  /**
   * A multi-search over twins; the answer names the indexes themselves. As a remote the node tells of each
   * hit by what it is ranked.
   */
  async multiSearch(twin: 'wide' | 'open', body: Obj, isRemote = false): Promise<Reply> {
    this.twins ??= this.make();
    await this.twins;
    const uids = this.plans.map(({ uid }) => [uid, twinUid(uid, twin)] as const);
    const renamed = (uid: string) => new Map(uids).get(uid) ?? uid;
    const federation = isObj(body['federation']) ? { ...body['federation'] } : {};
    const facets = federation['facetsByIndex'];
    if (isObj(facets)) {
      const entries = Object.entries(facets).map(([uid, list]) => [renamed(uid), list] as const);
      federation['facetsByIndex'] = Object.fromEntries(entries);
    }
    const queries = (Array.isArray(body['queries']) ? body['queries'] : []).map((query): Json => {
      return isObj(query) ? { ...query, indexUid: renamed(String(query['indexUid'])) } : query;
    });
    const reply = await this.arena.reference.send({
      method: 'POST',
      path: '/multi-search',
      body: { federation, queries },
      ...(isRemote ? { headers: { 'meili-proxy-search': 'true' } } : {}),
    });
    const text = uids.reduce((all, [uid, other]) => all.replaceAll(other, uid), reply.text);
    return { ...reply, text, tree: parseTree(text) };
  }

  /**
   * Makes an index anew on one of the servers, from the same writes, asks it once, and removes it. The
   * path is made by `ask` from the uid of the new index.
   */
  askAnew(
    side: 'reference' | 'target',
    uid: string,
    ask: (uid: string) => Call,
  ): Promise<Reply | undefined> {
    // one after the other: they share a name
    const reply = this.turn.then(() => this.askTwin(this.arena[side], uid, ask));
    this.turn = reply.catch(() => undefined);
    return reply;
  }

  private async askTwin(
    server: Server,
    uid: string,
    ask: (uid: string) => Call,
  ): Promise<Reply | undefined> {
    const plan = this.plan(uid);
    if (plan === undefined) return undefined;
    const again = { features: this.features, indexes: [{ ...plan, uid: twinUid(uid, 'again') }] };
    await load(server, again);
    try {
      return await server.send(ask(twinUid(uid, 'again')));
    } finally {
      await unload(server, again);
    }
  }

  /** Removes the twins. */
  async close(): Promise<void> {
    if (this.twins === undefined) return;
    const indexes = await this.twins.catch(() => []);
    await unload(this.arena.reference, { features: {}, indexes });
    await this.answerRemotes(false);
    this.twins = undefined;
  }

  private async make(): Promise<readonly IndexPlan[]> {
    const indexes = this.plans.flatMap((plan) => [
      { ...plan, uid: twinUid(plan.uid, 'wide'), settings: widen(plan.settings, false) },
      { ...plan, uid: twinUid(plan.uid, 'open'), settings: widen(plan.settings, true) },
    ]);
    await load(this.arena.reference, { features: this.features, indexes });
    await this.answerRemotes(true);
    return indexes;
  }

  /** A node answers others only with this feature, which changes nothing else where no others are named. */
  private async answerRemotes(isOn: boolean): Promise<void> {
    const path = '/experimental-features';
    await this.arena.reference.send({ method: 'PATCH', path, body: { network: isOn } });
  }
}

function twinUid(uid: string, twin: string): string {
  return `${UID_PREFIX}twin-${twin}-${uid.slice(UID_PREFIX.length)}`;
}

function widen(settings: readonly Obj[], isOpen: boolean): Obj[] {
  const list = settings.length === 0 ? [{}] : settings;
  return list.map((one) => {
    const faceting = one['faceting'];
    const wide: Obj = {
      ...one,
      pagination: { maxTotalHits: WIDE_HITS },
      faceting: { ...(faceting as Obj | undefined), maxValuesPerFacet: WIDE_FACETS },
      distinctAttribute: null,
    };
    if (isOpen) wide['displayedAttributes'] = ['*'];
    return wide;
  });
}
