/** Plays one seed: load under faults, then everything heals and must come to rest, then the checks. */
import { checkAcknowledged, checkCopies, checkReads } from './check.ts';
import type { Coverage } from './coverage.ts';
import { type ClientWrite, drawDocumentWrite } from './documents.ts';
import { disturb } from './nemesis.ts';
import { readIndex } from './reader.ts';
import { replay } from './replay.ts';
import { World } from './world.ts';

/** Made-up time in which a healed world must have come to rest. */
const REST_LIMIT_MS = 120_000;
/** No multiple of control's tick: each look could fall into the commit that a tick brings. */
const LOOK_MS = 247;
/** Rest that holds for this long: what came late was read by then. */
const REST_HOLD_MS = 2_500;

/** What a seed came to. */
export interface SeedResult {
  readonly rule: string | null;
  readonly words: string;
  readonly lines: readonly string[];
}

/** Plays one seed. */
export function runSeed(
  seed: number,
  options: { readonly coverage: Coverage; readonly turns: number; readonly isTraced: boolean },
): SeedResult {
  const world = new World(seed, options);
  try {
    play(world);
    return { rule: null, words: '', lines: world.lines };
  } catch (error) {
    const known = error as { readonly rule?: string; readonly message: string; stack?: string };
    const rule = known.rule ?? `crash: ${known.message.replace(/\d+/g, '#').slice(0, 80)}`;
    const words = known.rule === undefined ? (known.stack ?? known.message) : known.message;
    world.trace(() => `FAILED ${words}`);
    return { rule, words, lines: world.lines };
  }
}

function play(world: World): void {
  const { random, profile, clock } = world;
  const clients = new Clients(world);
  world.trace(() => `profile ${JSON.stringify({ ...profile, rates: ratesText(world) })}`);
  runFor(world, 50);
  if (profile.hasSteadyWriter) clients.steady(0);
  for (let turn = 0; turn < profile.turns; turn += 1) {
    if (random.chance(0.22)) clients.write();
    if (random.chance(0.22)) clients.read();
    disturb(world);
    runFor(world, -Math.log(1 - random.next()) * profile.writePauseMs);
  }
  world.trace(() => 'everything heals');
  world.heal();
  // A loss of data just now is noticed by the next idle reading.
  runFor(world, 3_000);
  if (profile.hasSteadyWriter) {
    untilRest(world, 'g: copies stay behind under steady writes', () => areCopiesWhole(world));
    clients.stop();
  }
  untilRest(world, 'g: no rest after healing', () => isAtRest(world));
  for (let times = 0; times < 4; times += 1) clients.read();
  runFor(world, 50);
  const made = replay(world);
  checkAcknowledged(world);
  checkCopies(world, made);
  checkReads(world, made);
  world.coverage.hit('write begun', world.history.bySeq.size);
  world.coverage.hit('made-up seconds', Math.round(clock.nowMs / 1_000));
}

function ratesText(world: World): Record<string, number> {
  return Object.fromEntries(
    Object.entries(world.rates)
      .filter(([, rate]) => rate > 0)
      .map(([name, rate]) => [name, Number(rate.toFixed(2))]),
  );
}

function runFor(world: World, durationMs: number): void {
  const untilMs = world.clock.nowMs + durationMs;
  while (world.clock.step(untilMs));
}

function untilRest(world: World, rule: string, isDone: () => boolean): void {
  const { clock } = world;
  const untilMs = clock.nowMs + REST_LIMIT_MS;
  let sinceMs = clock.nowMs;
  while (clock.nowMs < sinceMs + REST_HOLD_MS) {
    if (clock.nowMs > untilMs) world.fail(rule, restWords(world));
    runFor(world, LOOK_MS);
    if (!isDone()) sinceMs = clock.nowMs;
  }
}

function areCopiesWhole(world: World): boolean {
  if (!world.control.isUp) return false;
  const { state } = world.control;
  return (
    [...state.notes.values()].every((notes) => notes.from === null && notes.held.size === 0) &&
    [...state.indexes.keys()].every((id) =>
      world.copiesOf(id).every((copy) => copy.state === 'in-sync'),
    )
  );
}

function isAtRest(world: World): boolean {
  const { control, network, nodes, sidecars } = world;
  return (
    control.isUp &&
    control.isSettled &&
    network.strays === 0 &&
    nodes.every((node) => !node.hasWork) &&
    sidecars.every((sidecar) => sidecar.sessions.size === 0 && sidecar.hasLease) &&
    control.state.open.size === 0 &&
    control.state.cluster.nodes.every(({ leftovers }) => leftovers === undefined) &&
    areCopiesWhole(world)
  );
}

function restWords(world: World): string {
  const { state } = world.control;
  const open = [...state.open.values()].map(
    ({ intent }) =>
      `${intent.seq} ${intent.kind} ${intent.phase} ${Object.entries(intent.targets)
        .map(([id, target]) => `${id}:${target.state}`)
        .join()}`,
  );
  const copies = [...state.indexes.keys()].flatMap((id) =>
    world
      .copiesOf(id)
      .filter((copy) => copy.state !== 'in-sync')
      .map((copy) => `${id.slice(-4)}/${copy.shard} on ${copy.nodeId} ${copy.state}`),
  );
  const notes = [...state.notes].flatMap(([key, { from, held }]) =>
    from === null && held.size === 0 ? [] : [`${key} from ${from} held ${[...held].join()}`],
  );
  const indexes = [...state.indexes.values()].map(
    ({ id, headUid, visibleUid, needs }) =>
      `${id.slice(-4)} ${headUid}/${visibleUid} needs ${JSON.stringify(needs)}`,
  );
  const away = [...state.downNodes.keys()].map(
    (id) => `${id} ${state.recovery.doubted.has(id) ? 'doubted' : 'down'}`,
  );
  return `away ${away.join()} | open ${open.join('; ')} | notes ${notes.join('; ')} | copies ${copies.join('; ')} | indexes ${indexes.join('; ')} | strays ${world.network.strays} | nodes at work ${world.nodes.filter((node) => node.hasWork).map((node) => node.id)} | sessions ${world.sidecars.map((sidecar) => sidecar.sessions.size)}`;
}

/** Clients of all sidecars. */
class Clients {
  readonly #world: World;
  #nextId = 1;
  #isStopped = false;

  constructor(world: World) {
    this.#world = world;
  }

  write(): void {
    const { random, sidecars } = this.#world;
    const write = this.#draw();
    random.pick(sidecars).write(write, () => this.#regret(write));
  }

  /** Writes one after another. */
  steady(place: number): void {
    if (this.#isStopped) return;
    const { random, sidecars, clock } = this.#world;
    const sidecar = sidecars[place % sidecars.length];
    const { life } = sidecar ?? { life: 0 };
    let isOver = false;
    const next = (): void => {
      if (isOver) return;
      isOver = true;
      clock.in(random.between(20, 120), () => this.steady(place));
    };
    sidecar?.write(this.#draw(), next);
    // Its client does not wait for a sidecar that is gone.
    const look = (): void => {
      if (isOver) return;
      if (sidecar?.life !== life) next();
      else clock.in(500, look);
    };
    clock.in(500, look);
  }

  stop(): void {
    this.#isStopped = true;
  }

  read(): void {
    const { random, sidecars, profile } = this.#world;
    readIndex(this.#world, random.pick(sidecars), random.pick(profile.indexUids));
  }

  #draw(): ClientWrite {
    const { random, profile, rates, isHealed } = this.#world;
    const id = this.#nextId;
    this.#nextId += 1;
    const indexUid = random.pick(profile.indexUids);
    const { partSize, keyCount } = profile;
    const write = drawDocumentWrite(random, { id, indexUid, partSize, keyCount });
    if (!isHealed && random.chance(profile.cancels * 0.15)) return this.#cancelation(write);
    if (!random.chance(rates.indexSteps * 0.12)) {
      return { ...write, isBad: rates.badWrite > 0 && random.chance(rates.badWrite * 0.1) };
    }
    const kind = random.pick([
      'settingsUpdate',
      'settingsUpdate',
      'indexCreate',
      'indexDelete',
      'indexSwap',
      'indexUpdate',
    ] as const);
    return this.#indexStep(write, kind);
  }

  #indexStep(write: ClientWrite, kind: ClientWrite['kind']): ClientWrite {
    const { random, profile } = this.#world;
    const others = profile.indexUids.filter((uid) => uid !== write.indexUid);
    return {
      ...write,
      kind,
      keys: [],
      fields: [],
      skipCreation: false,
      isBad: false,
      otherUid: others.length === 0 ? 'c' : random.pick(others),
    };
  }

  /** Some cancel what they have just asked for, others rely on it. */
  #regret({ id, indexUid }: ClientWrite): void {
    const { random, profile, isHealed, history, sidecars } = this.#world;
    if (isHealed || profile.cancels === 0) return;
    const { seq = null, intent = null } = history.writes.get(id) ?? {};
    const isFirst = intent?.createsIndex === true;
    if (seq === null || !random.chance(profile.cancels * (isFirst ? 0.9 : 0.4))) return;
    if (isFirst && random.chance(0.5)) {
      const kind = random.pick(['indexUpdate', 'indexSwap', 'indexDelete'] as const);
      const write = this.#indexStep({ ...this.#draw(), indexUid }, kind);
      random.pick(sidecars).write(write, () => {});
    }
    random.pick(sidecars).write(this.#cancelation(this.#draw(), [seq]), () => {});
  }

  /** Of some tasks that are not over, or of all. */
  #cancelation(write: ClientWrite, wanted?: readonly number[]): ClientWrite {
    const { random, control } = this.#world;
    const open = [...control.state.open.values()].filter(({ intent }) => intent.internal === null);
    const seqs = open.map(({ intent }) => intent.seq);
    const named = wanted ?? (random.chance(0.3) ? [] : random.some(seqs, random.between(1, 3)));
    return { ...write, kind: 'tasksCancel', keys: [], fields: [], isBad: false, named };
  }
}
