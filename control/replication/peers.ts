/** The links to all other replicas that are known: those of the configuration and those of the record. */
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Hello } from '../../proto/gen/miroir/replication/v1/replication.ts';
import type { ReplicaMessage } from './core/index.ts';
import type { EngineMember } from './engine.ts';
import { PeerLink } from './net/peer-link.ts';

/** What links need. */
export interface PeersOptions {
  readonly ownId: string;
  readonly credentials: () => ChannelCredentials;
  readonly hello: () => Hello;
  readonly objection: (hello: Hello) => string | undefined;
  /** What was sent to it lately may be lost. */
  readonly onReset: (peer: string) => void;
  readonly onRefused: (peer: string, words: string) => void;
  readonly random: () => number;
}

/** The links, by id. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #links = new Map<string, PeerLink>();
  readonly #levels = new Map<string, number>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Whether this is one of them. */
  has(id: string): boolean {
    return this.#links.has(id);
  }

  /** Where it listens. */
  addressOf(id: string): string | undefined {
    return this.#links.get(id)?.address;
  }

  /** Feature level that its program supports; 0 while it is not connected. */
  levelOf(id: string): number {
    return this.#links.get(id)?.isUp === true ? (this.#levels.get(id) ?? 0) : 0;
  }

  /** From now on these replicas are spoken to. */
  set(members: readonly EngineMember[]): void {
    const wanted = new Map(members.map(({ id, address }) => [id, address]));
    wanted.delete(this.#options.ownId);
    for (const [id, link] of this.#links) {
      if (wanted.get(id) === link.address) continue;
      link.close();
      this.#links.delete(id);
    }
    for (const [id, address] of wanted) {
      if (!this.#links.has(id)) this.#links.set(id, this.#link(id, address));
    }
  }

  send(to: string, message: ReplicaMessage): void {
    this.#links.get(to)?.send(message);
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  #link(id: string, address: string): PeerLink {
    const { credentials, hello, objection, onReset, onRefused, random } = this.#options;
    return new PeerLink({
      address,
      credentials: credentials(),
      hello,
      objection: (other) => {
        if (other.replicaId !== id) return `${address} is replica ${other.replicaId}, not ${id}`;
        this.#levels.set(id, other.featureLevel);
        return objection(other);
      },
      onReset: () => onReset(id),
      onRefused: (words) => onRefused(id, words),
      random,
    });
  }
}
