/**
 * How the processes of a control world reach each other, and how a test cuts that: by proxies before each of
 * them, which works anywhere, or by network namespaces (namespaces.ts), which is what a real cut looks like.
 */
import type { Part, PartSpec } from '../../../envoy/start/part.ts';
import { freePort } from '../../../envoy/start/ports.ts';
import { FaultProxy } from '../fault-proxy.ts';
import { type LinkMode, LinkProxy } from './link-proxy.ts';
import { ownerOf } from './socket-owner.ts';

/** Name of all workers as callers. */
export const SIDECAR = 'sidecar';

/** Links to one replica, by who calls it. */
export interface Links {
  setMode(caller: string, mode: LinkMode): void;
  /** All of them pass. */
  heal(): void;
}

/** The way from a replica to etcd. */
export interface EngineLink {
  setMode(mode: 'pass' | 'silent'): void;
}

/** Where a replica is. */
export interface Place {
  readonly name: string;
  /** Where it listens, host:port; never cut off from the test. */
  readonly listen: string;
  /** Where the others and the sidecars find it. */
  readonly address: string;
  /** Where it finds etcd. */
  readonly engineUrl: string;
  readonly links: Links;
  readonly engineLink: EngineLink;
}

/** The processes that may call a replica. */
export interface Caller {
  readonly name: string;
  readonly pids: () => readonly number[];
}

/** All of it. */
export interface Network {
  /** Address of a node that listens on this port of the loopback address, for every process. */
  nodeUrl(port: number): Promise<string>;
  place(name: string, etcdPort: number): Promise<Place>;
  /** How a replica is run in its place. */
  run(name: string, spec: PartSpec): PartSpec;
  /** The processes are there. */
  know(callers: readonly Caller[]): void;
  close(): Promise<void>;
}

/** By proxies: a caller is told by the process at the other end of its connection. */
export class ProxyNetwork implements Network {
  readonly #closers: (() => Promise<void>)[] = [];
  #callers: readonly Caller[] = [];

  nodeUrl(port: number): Promise<string> {
    return Promise.resolve(`http://127.0.0.1:${port}`);
  }

  async place(name: string, etcdPort: number): Promise<Place> {
    const port = await freePort();
    const links = await LinkProxy.start(port, (from, to) => this.#nameOf(from, to));
    const engineLink = await FaultProxy.start(etcdPort);
    this.#closers.push(
      () => links.close(),
      () => engineLink.close(),
    );
    return {
      ...{ name, links, engineLink },
      listen: `127.0.0.1:${port}`,
      address: `127.0.0.1:${links.port}`,
      engineUrl: `http://127.0.0.1:${engineLink.port}`,
    };
  }

  run(_name: string, spec: PartSpec): PartSpec {
    return spec;
  }

  know(callers: readonly Caller[]): void {
    this.#callers = callers;
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
  }

  #nameOf(port: number, peerPort: number): string {
    for (const { name, pids } of this.#callers) {
      if (ownerOf(port, peerPort, pids()) !== undefined) return name;
    }
    return 'nobody';
  }
}

/** A part as a caller. */
export function callerOf(name: string, part: Part): Caller {
  return { name, pids: () => [part.pid() ?? 0] };
}
