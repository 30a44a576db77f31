/**
 * A small in-memory node for tests and for trying Miroir where no Meilisearch is at hand. It is not
 * Meilisearch: it has no typo tolerance, no geo search, no vectors and no scripts, and equality of
 * answers is only ever claimed for a real node.
 */
import type { AddressInfo } from 'node:net';
import { Engine } from './engine.ts';
import { Journal } from './journal.ts';
import { applySwitches, makeServer } from './server.ts';
import { noFaults, type Switches } from './switches.ts';

export type { Switches } from './switches.ts';

/** A running stand-in. */
export interface RunningEngine {
  /** Address without a slash at the end. */
  readonly url: string;
  /** Faults; a change takes effect at once. */
  readonly switches: Switches;
  /** Ends it and cuts its connections. */
  close(): Promise<void>;
}

/** How to start a stand-in. */
export interface EngineStart {
  readonly masterKey?: string | undefined;
  /** 0 or absent: any free port. */
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  /** Folder to keep everything in; absent: memory only. */
  readonly dbPath?: string | undefined;
}

/** Starts a stand-in on the loopback interface. */
export async function startEngine(start: EngineStart = {}): Promise<RunningEngine> {
  const journal = start.dbPath === undefined ? undefined : new Journal(start.dbPath);
  const engine = new Engine({
    masterKey: start.masterKey === '' ? undefined : start.masterKey,
    now: () => new Date().toISOString(),
    onEvent: (event) => journal?.append(event),
  });
  if (journal?.restore(engine) !== true) {
    engine.keys.addDefaults();
    journal?.saveSide(engine);
  }
  const switches = watched(noFaults(), (changed) => applySwitches(engine, changed));
  const server = makeServer({ engine, switches, onChange: () => journal?.saveSide(engine) });
  const host = start.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(start.port ?? 0, host, resolve);
  });
  engine.wake();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    switches,
    close: () =>
      new Promise((resolve) => {
        engine.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Switches that tell of every change. */
function watched(switches: Switches, onChange: (switches: Switches) => void): Switches {
  return new Proxy(switches, {
    set(target, name, value) {
      Reflect.set(target, name, value);
      onChange(target);
      return true;
    },
  });
}
