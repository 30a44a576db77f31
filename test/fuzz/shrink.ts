/**
 * Cuts a failing scenario down: fewer writes, documents, fields and settings, and fewer parameters of
 * the request, as long as the answers still differ in the same places. Greedy and bounded by time.
 */
import { isObj, type Json, type Obj } from './json.ts';
import { unload } from './load.ts';
import { signature } from './report.ts';
import type { FuzzRequest } from './requests/request.ts';
import { type Arena, ask, loadBoth, type Outcome, toOutcome } from './run.ts';
import type { IndexPlan, Scenario } from './scenario.ts';
import { Evidence } from './verdict/evidence.ts';

/** A scenario cut down, with what still differs. */
export interface Shrunk {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  readonly documentCount: number;
}

/** Cuts down a scenario with one request; undefined if it does not fail when run by itself. */
export async function shrink(
  arena: Arena,
  scenario: Scenario,
  options: { readonly limitMs: number; readonly signature: string },
): Promise<Shrunk | undefined> {
  const giveUpAt = Date.now() + options.limitMs;
  let best = scenario;
  let outcome = await tryOnce(arena, scenario);
  if (outcome === undefined) return undefined;
  const wanted = signature(outcome);
  const attempt = async (candidate: Scenario): Promise<boolean> => {
    if (Date.now() > giveUpAt) return false;
    const result = await tryOnce(arena, candidate).catch(() => undefined);
    if (result === undefined || signature(result) !== wanted) return false;
    best = candidate;
    outcome = result;
    return true;
  };
  for (let round = 0; round < 2; round++) {
    // fewer documents first: they make every later attempt quicker
    await shrinkIndexes(() => best, attempt);
    await shrinkWrites(() => best, attempt);
    await shrinkRequest(() => best, attempt);
    await shrinkSettings(() => best, attempt);
    await shrinkFields(() => best, attempt);
  }
  return { scenario: best, outcome, documentCount: countDocuments(best) };
}

type Attempt = (candidate: Scenario) => Promise<boolean>;

/** Makes the indexes, asks, and returns the outcome if it is a difference. */
async function tryOnce(arena: Arena, scenario: Scenario): Promise<Outcome | undefined> {
  const evidence = new Evidence(arena, scenario);
  try {
    const writes = await loadBoth(arena, scenario);
    if (writes.some(({ verdict }) => verdict.class !== 'equal')) return undefined;
    const [request] = scenario.requests;
    if (request === undefined) return undefined;
    const outcome = await toOutcome(arena, evidence, await ask(arena, request));
    return outcome.verdict.class === 'difference' ? outcome : undefined;
  } finally {
    await evidence.close();
    await Promise.all([unload(arena.target, scenario), unload(arena.reference, scenario)]);
  }
}

async function shrinkIndexes(best: () => Scenario, attempt: Attempt): Promise<void> {
  for (const { uid } of best().indexes) {
    if (best().indexes.length === 1) return;
    await attempt({ ...best(), indexes: best().indexes.filter((plan) => plan.uid !== uid) });
  }
  await attempt({ ...best(), features: {} });
}

async function shrinkRequest(best: () => Scenario, attempt: Attempt): Promise<void> {
  const [request] = best().requests;
  if (request === undefined) return;
  const change = (changed: FuzzRequest) => attempt({ ...best(), requests: [changed] });
  const now = () => best().requests[0] as FuzzRequest;
  if (now().headers !== undefined) {
    const { headers: _, ...rest } = now();
    await change(rest);
  }
  for (const key of Object.keys(request.query ?? {})) {
    const { [key]: _, ...rest } = now().query ?? {};
    await change({ ...now(), query: rest });
  }
  let wasSmaller = true;
  while (wasSmaller) {
    wasSmaller = false;
    for (const body of smallerValues(now().body ?? null)) {
      if (await change({ ...now(), body })) {
        wasSmaller = true;
        break;
      }
    }
  }
}

/** Copies of a value with one member or item less, outer ones first. */
function smallerValues(value: Json): Json[] {
  if (Array.isArray(value)) {
    return [
      ...value.map((_, i) => value.filter((_item, j) => j !== i)),
      ...value.flatMap((item, i) => smallerValues(item).map((less) => value.with(i, less))),
    ];
  }
  if (!isObj(value)) return [];
  const keys = Object.keys(value);
  return [
    ...keys.map((key) => without(value, key)),
    ...keys.flatMap((key) => {
      const inner = value[key];
      return inner === undefined
        ? []
        : smallerValues(inner).map((less): Json => ({ ...value, [key]: less }));
    }),
  ];
}

async function shrinkSettings(best: () => Scenario, attempt: Attempt): Promise<void> {
  for (const [at, plan] of best().indexes.entries()) {
    for (const [part, settings] of plan.settings.entries()) {
      for (const key of Object.keys(settings)) {
        const now = best().indexes[at] as IndexPlan;
        const parts = now.settings.map((one, i) => (i === part ? without(one, key) : one));
        await attempt(withIndex(best(), at, { ...now, settings: parts }));
      }
    }
    const now = best().indexes[at] as IndexPlan;
    const filled = now.settings.filter((one) => Object.keys(one).length > 0);
    await attempt(withIndex(best(), at, { ...now, settings: filled }));
  }
}

async function shrinkWrites(best: () => Scenario, attempt: Attempt): Promise<void> {
  for (let at = 0; at < best().indexes.length; at++) {
    for (let i = (best().indexes[at] as IndexPlan).writes.length - 1; i >= 0; i--) {
      const now = best().indexes[at] as IndexPlan;
      const writes = now.writes.filter((_, j) => j !== i);
      if (await attempt(withIndex(best(), at, { ...now, writes }))) continue;
      await shrinkPayload(best, attempt, { at, i });
    }
  }
}

/** Leaves out ever smaller runs of documents of one payload. */
async function shrinkPayload(
  best: () => Scenario,
  attempt: Attempt,
  { at, i }: { at: number; i: number },
): Promise<void> {
  const documents = () => (best().indexes[at] as IndexPlan).writes[i]?.documents ?? [];
  for (let size = Math.ceil(documents().length / 2); size >= 1; size = size >> 1) {
    for (let from = 0; from < documents().length && documents().length > 1; ) {
      const kept = documents().filter((_, j) => j < from || j >= from + size);
      const now = best().indexes[at] as IndexPlan;
      const writes = now.writes.map((write, j) =>
        j === i ? { ...write, documents: kept } : write,
      );
      const isGone = kept.length > 0 && (await attempt(withIndex(best(), at, { ...now, writes })));
      if (!isGone) from += size;
    }
  }
}

/** Leaves out whole fields of all documents. */
async function shrinkFields(best: () => Scenario, attempt: Attempt): Promise<void> {
  for (let at = 0; at < best().indexes.length; at++) {
    const names = new Set<string>();
    for (const write of (best().indexes[at] as IndexPlan).writes) {
      for (const document of write.documents ?? []) {
        for (const name of keysOf(document)) names.add(name);
      }
    }
    for (const name of names) {
      const now = best().indexes[at] as IndexPlan;
      if (name === now.primaryKey) continue;
      const writes = now.writes.map((write) =>
        write.documents === undefined
          ? write
          : { ...write, documents: write.documents.map((document) => cut(document, name)) },
      );
      await attempt(withIndex(best(), at, { ...now, writes }));
    }
  }
}

function cut(document: Json, name: string): Json {
  if (document instanceof Map) {
    return new Map([...document].filter(([key]) => key !== name));
  }
  return isObj(document) ? without(document, name) : document;
}

function keysOf(document: Json): string[] {
  if (document instanceof Map) return [...document.keys()];
  return isObj(document) ? Object.keys(document) : [];
}

function without(value: Obj, key: string): Obj {
  const { [key]: _, ...rest } = value;
  return rest;
}

function withIndex(scenario: Scenario, at: number, plan: IndexPlan): Scenario {
  return { ...scenario, indexes: scenario.indexes.map((one, i) => (i === at ? plan : one)) };
}

function countDocuments(scenario: Scenario): number {
  return scenario.indexes.reduce(
    (sum, plan) => sum + plan.writes.reduce((n, write) => n + (write.documents?.length ?? 0), 0),
    0,
  );
}
