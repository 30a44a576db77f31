/**
 * Clients of one service, one for each replica of control, made when first needed, and calls with one answer
 * through them. With several replicas a client is used only once it is connected: a peer that takes a
 * connection and then says nothing would hold a call for as long as its deadline.
 */
import {
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  connectivityState,
} from '@grpc/grpc-js';
import { callUnary, channelOptions, type UnaryLimits, type UnaryMethod } from './channel.ts';
import type { ControlEndpoint } from './control-endpoint.ts';
import { callLeader, type LeaderTerms, unconnected } from './leader-call.ts';

const CONNECT_MS = 1_500;
/** Replicas may be named that are not in the configuration; what was not used for longest is closed. */
const CLIENTS_MAX = 16;

/** The class of a generated client. */
export type ClientClass<Service extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options: ChannelOptions,
) => Service;

/** The clients of one service. */
export class ClientPool<Service extends Client> {
  readonly #endpoint: ControlEndpoint;
  readonly #kind: ClientClass<Service>;
  readonly #clients = new Map<string, Service>();
  readonly #connecting = new Map<string, Promise<Service>>();

  constructor(endpoint: ControlEndpoint, kind: ClientClass<Service>) {
    this.#endpoint = endpoint;
    this.#kind = kind;
  }

  /** Calls the leader. Rejects with the ServiceError of the last try. */
  call<Request, Response>(
    method: (client: Service) => UnaryMethod<Request, Response>,
    request: Request,
    limits: UnaryLimits & Omit<LeaderTerms, 'signal'>,
  ): Promise<Response> {
    return callLeader(this.#endpoint, limits, async (address) => {
      const client = await this.connected(address);
      return callUnary(method(client), request, { ...limits, metadata: this.#endpoint.metadata() });
    });
  }

  /** The client of a replica, connected if there are several. Rejects as a refused call would. */
  connected(address: string): Promise<Service> {
    const client = this.of(address);
    if (this.#endpoint.isAlone) return Promise.resolve(client);
    if (client.getChannel().getConnectivityState(true) === connectivityState.READY) {
      return Promise.resolve(client);
    }
    const running = this.#connecting.get(address);
    if (running !== undefined) return running;
    const connecting = connect(client)
      .then((isConnected) => {
        if (isConnected) return client;
        // A fresh one next time: this one may wait for ever, or for the end of its pause.
        this.#drop(address, client);
        throw unconnected(address);
      })
      .finally(() => this.#connecting.delete(address));
    this.#connecting.set(address, connecting);
    return connecting;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** The client of a replica, connected or not. */
  of(address: string): Service {
    const known = this.#clients.get(address);
    this.#clients.delete(address);
    const client =
      known ??
      new this.#kind(address, this.#endpoint.credentials, channelOptions(this.#endpoint.isAlone));
    this.#clients.set(address, client);
    const [oldest] = this.#clients;
    if (this.#clients.size > CLIENTS_MAX && oldest !== undefined) this.#drop(...oldest);
    return client;
  }

  #drop(address: string, client: Service): void {
    if (this.#clients.get(address) === client) this.#clients.delete(address);
    client.close();
  }
}

/** Whether a connection came to be before the first attempt at it failed, or the time was over. */
function connect(client: Client): Promise<boolean> {
  const channel = client.getChannel();
  const deadline = new Date(Date.now() + CONNECT_MS);
  return new Promise((resolve) => {
    const look = (late?: Error): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve(true);
      else if (
        late !== undefined ||
        state === connectivityState.TRANSIENT_FAILURE ||
        state === connectivityState.SHUTDOWN
      ) {
        resolve(false);
      } else channel.watchConnectivityState(state, deadline, look);
    };
    look();
  });
}
