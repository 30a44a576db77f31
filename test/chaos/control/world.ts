/**
 * A cluster with several replicas of control in a real etcd, all of real processes: each replica, and its way to
 * etcd, can be cut off by itself (network.ts). Parts are run as `npm start` runs them.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guard } from '../../../envoy/start/guard.ts';
import type { Part } from '../../../envoy/start/part.ts';
import type { EtcdProcess } from '../../kit/etcd.ts';
import { Gateway, type GatewayNode } from '../gateway.ts';
import { leads } from './leader.ts';
import type { Network } from './network.ts';
import { type Replica, revive, signal } from './replica.ts';

const LOOK_MS = 200;

/** Everything that runs. */
export interface ControlWorldParts {
  readonly url: string;
  readonly adminToken: string;
  readonly folder: string;
  readonly nodes: readonly GatewayNode[];
  readonly isReal: boolean;
  readonly etcd: EtcdProcess;
  readonly replicas: readonly Replica[];
  readonly sidecar: Part;
  readonly envoy: Part;
  readonly guard: Guard;
  readonly network: Network;
}

/** The running cluster. */
export class ControlWorld extends Gateway {
  readonly #parts: ControlWorldParts;

  constructor(parts: ControlWorldParts) {
    super(parts.url);
    this.#parts = parts;
  }

  get nodes(): readonly GatewayNode[] {
    return this.#parts.nodes;
  }

  get replicas(): readonly Replica[] {
    return this.#parts.replicas;
  }

  get etcd(): EtcdProcess {
    return this.#parts.etcd;
  }

  get folder(): string {
    return this.#parts.folder;
  }

  get isReal(): boolean {
    return this.#parts.isReal;
  }

  /** The replica that leads, of these or of all; undefined if none does within the limit. */
  async leader(
    limitMs: number,
    among: readonly Replica[] = this.replicas,
  ): Promise<Replica | undefined> {
    const giveUpAtMs = performance.now() + limitMs;
    do {
      for (const replica of among) if (await leads(replica.listen)) return replica;
      await sleep(LOOK_MS);
    } while (performance.now() < giveUpAtMs);
    return undefined;
  }

  /** Every link passes, nothing is frozen, every replica runs. */
  async heal(): Promise<void> {
    this.etcd.freeze(false);
    for (const { part, links, engineLink } of this.replicas) {
      links.heal();
      engineLink.setMode('pass');
      signal(part, 'SIGCONT');
    }
    await Promise.all(this.replicas.map(({ part }) => revive(part)));
  }

  /** Stops everything; `isKept` leaves data and logs. */
  async stop(isKept = false): Promise<void> {
    const { envoy, sidecar, guard, network } = this.#parts;
    await this.disconnect();
    await envoy.stop();
    await sidecar.stop();
    await Promise.all(
      this.replicas.map(async ({ part }) => {
        signal(part, 'SIGCONT');
        await part.stop();
      }),
    );
    for (const { engine } of this.nodes) await engine.kill();
    await network.close();
    await this.etcd.remove();
    await guard.close();
    if (!isKept) rmSync(this.folder, { recursive: true, force: true });
  }

  protected override adminToken(): string {
    return this.#parts.adminToken;
  }
}

/** Lines of the logs of all parts, for a person who looks for what went wrong. */
export function logsIn(folder: string): string {
  const place = join(folder, 'miroir', 'logs');
  return readdirSync(place)
    .map((name) => `--- ${name}\n${readFileSync(join(place, name), 'utf8')}`)
    .join('\n');
}
