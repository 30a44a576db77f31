/**
 * A network of its own for each replica, on a bridge of this machine: links are cut by routes that lead
 * nowhere, so that packets vanish and connections learn nothing. Needs the right to make namespaces.
 *
 * Everything else stays in the machine's own network: the sidecar at the first address of the bridge, etcd at
 * the second, nodes at the third, so that each can be cut off by itself.
 */
import { execFileSync } from 'node:child_process';
import type { PartSpec } from '../../../envoy/start/part.ts';
import { freePort } from '../../../envoy/start/ports.ts';
import { FaultProxy } from '../fault-proxy.ts';
import type { LinkMode } from './link-proxy.ts';
import { type Caller, type Network, type Place, SIDECAR } from './network.ts';

const SIDECAR_HOST = 1;
const ETCD_HOST = 2;
const NODES_HOST = 3;
const FIRST_HOST = 10;

interface Space {
  readonly name: string;
  readonly address: string;
}

/** Why no namespaces can be made here; undefined if they can. */
export function whyNoNamespaces(): string | undefined {
  const name = `mrtry${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('link', 'add', name, 'type', 'bridge');
    ip('link', 'del', name);
    ip('netns', 'del', name);
    return undefined;
  } catch (error) {
    return `no network namespaces can be made here (${(error as Error).message.split('\n')[0]})`;
  }
}

/** By network namespaces. */
export class NamespaceNetwork implements Network {
  readonly #bridge = `mr${process.pid}`;
  readonly #subnet = `10.91.${process.pid % 256}`;
  readonly #spaces = new Map<string, Space>();
  readonly #proxies: FaultProxy[] = [];

  constructor() {
    ip('link', 'add', this.#bridge, 'type', 'bridge');
    for (const host of [SIDECAR_HOST, ETCD_HOST, NODES_HOST]) {
      ip('addr', 'add', `${this.#host(host)}/24`, 'dev', this.#bridge);
    }
    ip('link', 'set', this.#bridge, 'up');
  }

  async nodeUrl(port: number): Promise<string> {
    const host = this.#host(NODES_HOST);
    return `http://${host}:${await this.#forward(host, port)}`;
  }

  async place(name: string, etcdPort: number): Promise<Place> {
    const at = this.#spaces.size;
    const space = { name: `${this.#bridge}-${at}`, address: this.#host(FIRST_HOST + at) };
    this.#spaces.set(name, space);
    const [outer, inner] = [`${this.#bridge}v${at}`, `${this.#bridge}p${at}`];
    ip('netns', 'add', space.name);
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner);
    ip('link', 'set', inner, 'netns', space.name);
    ip('link', 'set', outer, 'master', this.#bridge, 'up');
    this.#within(space, 'addr', 'add', `${space.address}/24`, 'dev', inner);
    this.#within(space, 'link', 'set', inner, 'up');
    this.#within(space, 'link', 'set', 'lo', 'up');
    const etcdHost = this.#host(ETCD_HOST);
    const address = `${space.address}:${await freePort()}`;
    return {
      ...{ name, address },
      listen: address,
      engineUrl: `http://${etcdHost}:${await this.#forward(etcdHost, etcdPort)}`,
      links: {
        setMode: (caller, mode) => this.#setMode(space, caller, mode),
        heal: () => {
          for (const caller of [SIDECAR, ...this.#spaces.keys()]) {
            this.#setMode(space, caller, 'pass');
          }
        },
      },
      engineLink: {
        setMode: (mode) => this.#lose(space, etcdHost, mode === 'silent'),
      },
    };
  }

  run(name: string, spec: PartSpec): PartSpec {
    const space = this.#spaceOf(name);
    // It becomes the program: signals reach that.
    return {
      ...spec,
      command: 'ip',
      args: ['netns', 'exec', space.name, spec.command, ...spec.args],
    };
  }

  know(_callers: readonly Caller[]): void {}

  async close(): Promise<void> {
    for (const { name } of this.#spaces.values()) ip('netns', 'del', name);
    for (const proxy of this.#proxies) await proxy.close();
    ip('link', 'del', this.#bridge);
  }

  /** `mute`: what the replica sends to the caller is lost, `deaf`: what it should get, `lost`: both. */
  #setMode(space: Space, caller: string, mode: LinkMode): void {
    if (caller === SIDECAR) {
      // What it sends is enough: nothing is ever acknowledged.
      this.#lose(space, this.#host(SIDECAR_HOST), mode !== 'pass');
      return;
    }
    const other = this.#spaceOf(caller);
    if (other === space) return;
    this.#lose(space, other.address, mode === 'lost' || mode === 'mute');
    this.#lose(other, space.address, mode === 'lost' || mode === 'deaf');
  }

  #lose(space: Space, address: string, isLost: boolean): void {
    const verb = isLost ? 'replace' : 'del';
    try {
      this.#within(space, 'route', verb, 'blackhole', `${address}/32`);
    } catch (error) {
      // It was not lost.
      if (isLost) throw error;
    }
  }

  #within(space: Space, ...args: readonly string[]): void {
    ip('-n', space.name, ...args);
  }

  #spaceOf(name: string): Space {
    const space = this.#spaces.get(name);
    if (space === undefined) throw new Error(`${name} has no network`);
    return space;
  }

  async #forward(host: string, port: number): Promise<number> {
    const proxy = await FaultProxy.start(port, host);
    this.#proxies.push(proxy);
    return proxy.port;
  }

  #host(number: number): string {
    return `${this.#subnet}.${number}`;
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
