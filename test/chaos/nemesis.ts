/**
 * What goes wrong in a cycle, drawn from the seed: each fault begins at a moment of its own, lasts a while
 * and ends; afterwards `heal` makes sure that nothing is left of any.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FAILPOINTS } from '../../core/failpoint.ts';
import type { ProxyMode } from './fault-proxy.ts';
import type { Rng } from './rng.ts';
import type { World, WorldNode } from './world.ts';

/** Kinds of faults, each with how often it is drawn. */
const WEIGHTS = {
  'kill node': 5,
  'kill worker': 4,
  'kill sidecar': 1,
  'kill control': 4,
  'freeze node': 3,
  'freeze worker': 2,
  'freeze control': 2,
  'cut connections': 3,
  'node silent': 2,
  'node refuses': 2,
  'node slow': 2,
  'wipe node': 1,
  'old node': 1,
  failpoint: 5,
} as const;

/** One kind of fault. */
export type FaultKind = keyof typeof WEIGHTS;

/** All kinds. */
export const FAULT_KINDS = Object.keys(WEIGHTS) as FaultKind[];

/** Faults that take a node's data away: they need another copy. */
const DATA_FAULTS: ReadonlySet<FaultKind> = new Set(['wipe node', 'old node'] as const);

/** A fault of a plan. */
export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Which node, process or failpoint, by number. */
  readonly which: number;
}

/** What it is and where, in words. */
export function describeFault(fault: Fault): string {
  const what = fault.kind === 'failpoint' ? `failpoint ${failpointOf(fault)}` : fault.kind;
  return `${what} at ${(fault.atMs / 1_000).toFixed(1)}`;
}

/** Mostly the end of a process, sometimes a pause beyond every lease. */
function failpointOf({ which, forMs }: Fault): string {
  const name = FAILPOINTS[which % FAILPOINTS.length];
  const action = which % 4 === 0 ? `pause:${2_000 + forMs}` : 'exit';
  return `${name}=${action}@${1 + (which % 5)}`;
}

/** Draws the faults of one cycle; nothing that copies could not survive at `copies` copies. */
export function drawFaults(rng: Rng, cycleMs: number, copies: number): Fault[] {
  const drawn = FAULT_KINDS.filter((kind) => copies > 1 || !DATA_FAULTS.has(kind)).flatMap((kind) =>
    Array.from({ length: WEIGHTS[kind] }, () => kind),
  );
  const count = rng.between(1, 3);
  const faults = Array.from({ length: count }, () => ({
    kind: rng.pick(drawn),
    atMs: rng.between(200, Math.floor(cycleMs * 0.7)),
    forMs: rng.between(100, 3_000),
    which: rng.between(0, 1_000),
  }));
  // One node at a time loses data, and no other is down meanwhile: with two copies that would be the last.
  const lost = faults.find(({ kind }) => DATA_FAULTS.has(kind));
  if (lost === undefined) return faults;
  return [lost, ...faults.filter(({ kind }) => kind === 'kill worker' || kind === 'kill control')];
}

/** Runs the faults of a cycle; resolves when the last has ended. */
export async function runFaults(world: World, faults: readonly Fault[]): Promise<void> {
  await Promise.all(
    faults.map(async (fault) => {
      await sleep(fault.atMs);
      await runFault(world, fault);
    }),
  );
}

/** Everything runs, nothing is frozen, every connection passes. */
export async function heal(world: World): Promise<void> {
  world.arm('');
  for (const part of ['control', 'sidecar', 'worker'] as const) world.signal(part, 'SIGCONT');
  for (const { engine, proxy } of world.nodes) {
    proxy.setMode('pass');
    engine.freeze(false);
    await engine.start();
  }
}

async function runFault(world: World, fault: Fault): Promise<void> {
  const { kind, forMs, which } = fault;
  const node = world.nodes[which % world.nodes.length];
  if (node === undefined) return;
  switch (kind) {
    case 'kill node':
      await node.engine.kill();
      await sleep(forMs);
      await node.engine.start();
      return;
    case 'wipe node':
    case 'old node':
      await loseData(node, kind, forMs);
      return;
    case 'kill worker':
      world.signal('worker', 'SIGKILL', which);
      return;
    case 'kill sidecar':
      world.signal('worker', 'SIGKILL');
      world.signal('sidecar', 'SIGKILL');
      return;
    case 'kill control':
      world.signal('control', 'SIGKILL');
      return;
    case 'freeze node':
      node.engine.freeze(true);
      await sleep(forMs);
      node.engine.freeze(false);
      return;
    case 'freeze worker':
      await freeze(world, 'worker', fault);
      return;
    case 'freeze control':
      await freeze(world, 'control', fault);
      return;
    case 'failpoint':
      world.arm(failpointOf(fault));
      return;
    case 'cut connections':
      node.proxy.cut();
      return;
    default:
      node.proxy.setMode(PROXY_MODES[kind]);
      await sleep(forMs);
      node.proxy.setMode('pass');
  }
}

const PROXY_MODES: Readonly<Record<'node silent' | 'node refuses' | 'node slow', ProxyMode>> = {
  'node silent': 'silent',
  'node refuses': 'refuse',
  'node slow': 'slow',
};

async function freeze(world: World, part: 'worker' | 'control', fault: Fault): Promise<void> {
  world.signal(part, 'SIGSTOP', fault.which);
  await sleep(fault.forMs);
  world.signal(part, 'SIGCONT');
}

/** Wiped, or back with the folder of an earlier cycle; the folder as it is now is what comes back next. */
async function loseData(
  node: WorldNode,
  kind: 'wipe node' | 'old node',
  forMs: number,
): Promise<void> {
  await node.engine.kill();
  if (kind === 'wipe node') node.engine.wipe();
  else if (!node.engine.restore()) node.engine.save();
  await sleep(forMs);
  await node.engine.start();
}
