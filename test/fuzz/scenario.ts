/**
 * One scenario: two indexes with their settings and history, and the requests asked of them. It is a
 * plain value made from a seed and a number, so it can be made again, cut down, and told as a story.
 */
import { type Capabilities, capabilitiesOf } from './capabilities.ts';
import { makeShape } from './documents.ts';
import { isChurned, makeHistory, type Write } from './history.ts';
import type { Obj } from './json.ts';
import type { Kind } from './kinds.ts';
import { makeRequests } from './requests/index.ts';
import type { FuzzRequest } from './requests/request.ts';
import { Rng } from './rng.ts';
import { collectSamples, type Samples } from './samples.ts';
import { makeSettings } from './settings.ts';
import { madeSource, realNames, realSource } from './source.ts';

/** How one index is made. */
export interface IndexPlan {
  readonly uid: string;
  readonly primaryKey: string;
  /** Bodies of PATCH settings: the first before the documents, a second one, if any, after them. */
  readonly settings: readonly Obj[];
  readonly writes: readonly Write[];
}

/** What request makers know about an index. */
export interface IndexFacts {
  readonly plan: IndexPlan;
  readonly samples: Samples;
  /** All settings merged. */
  readonly settings: Obj;
  readonly hasGeo: boolean;
  readonly embedder: { readonly name: string; readonly dimensions: number } | undefined;
  readonly isChurned: boolean;
  readonly can: Capabilities;
}

/** Indexes and requests. */
export interface Scenario {
  readonly number: number;
  readonly features: Obj;
  readonly indexes: readonly IndexPlan[];
  readonly requests: readonly FuzzRequest[];
}

/** Prefix of the uids of all indexes made here; what is left over from an earlier run has it too. */
export const UID_PREFIX = 'fuzz-';

/** Makes scenario `number` of a seed with so many requests. */
export function makeScenario(options: {
  readonly seed: number;
  readonly number: number;
  readonly requestCount: number;
  readonly only?: ReadonlySet<Kind> | undefined;
}): Scenario {
  const root = new Rng(options.seed).fork(options.number + 1);
  const canContain = root.chance(0.5);
  const facts = [
    makeIndex(root.fork(1), `${UID_PREFIX}a`, { sizes: [60, 300], canContain }),
    makeIndex(root.fork(2), `${UID_PREFIX}b`, { sizes: [10, 60], canContain }),
  ];
  return {
    number: options.number,
    features: { containsFilter: canContain },
    indexes: facts.map((fact) => fact.plan),
    requests: makeRequests(root.fork(3), facts, options),
  };
}

function makeIndex(
  rng: Rng,
  uid: string,
  options: { readonly sizes: readonly [number, number]; readonly canContain: boolean },
): IndexFacts {
  const [low, high] = options.sizes;
  const isReal = realNames.length > 0 && rng.chance(0.25);
  const name = isReal ? rng.pick(realNames) : undefined;
  const shape = makeShape(rng);
  const source = name === undefined ? madeSource(rng, shape) : realSource(rng, name);
  const hasGeo = name === undefined ? shape.hasGeo : name !== 'packages';
  const embedder =
    name === 'tricky'
      ? { name: 'small', dimensions: 3 }
      : name === undefined
        ? shape.embedder
        : undefined;
  const count = rng.chance(0.04)
    ? 0
    : rng.weighted([
        [3, low],
        [4, (low + high) >> 2],
        [1, high],
      ]);
  const writes = makeHistory(rng, source, Math.max(1, rng.int(Math.min(low, count), count)));
  const { primaryKey } = source;
  const samples = collectSamples(writes, primaryKey);
  const about = { samples, primaryKey, hasGeo, embedder };
  const settings = [makeSettings(rng, about)];
  if (rng.chance(0.15)) settings.push(secondSettings(rng, makeSettings(rng, about)));
  const plan: IndexPlan = { uid, primaryKey, settings, writes };
  const merged = Object.assign({}, ...settings) as Obj;
  return {
    plan,
    samples,
    settings: merged,
    can: capabilitiesOf(merged, samples, { hasGeo, canContain: options.canContain }),
    hasGeo,
    embedder,
    isChurned: isChurned(writes, primaryKey),
  };
}

/** One or two settings changed once the documents are there. */
function secondSettings(rng: Rng, fresh: Obj): Obj {
  const changeable = Object.entries(fresh).filter(([name]) => name !== 'embedders');
  return Object.fromEntries(rng.some(changeable, 1, 2));
}
