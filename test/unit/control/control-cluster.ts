/** Three stand-in nodes, control as a process over them, and a sidecar. */
import * as assert from 'uvu/assert';
import { type RunningEngine, startEngine } from '../../engine/index.ts';
import {
  type ControlFolder,
  type ControlProcess,
  controlFolder,
  MASTER_KEY,
  startProcess,
  TestSidecar,
} from './control-kit.ts';

/** What a test file works with; `control` and `sidecar` change at a restart. */
export class ControlCluster {
  readonly engines: RunningEngine[] = [];
  readonly folder: ControlFolder = controlFolder();
  control!: ControlProcess;
  sidecar!: TestSidecar;

  async start(): Promise<void> {
    for (let at = 0; at < 3; at += 1)
      this.engines.push(await startEngine({ masterKey: MASTER_KEY }));
    this.folder.writeConfig(this.nodeList());
    await this.#begin();
  }

  nodeUrls(): Record<string, string> {
    return Object.fromEntries(this.engines.map((engine, at) => [`n${at + 1}`, engine.url]));
  }

  nodeList(): { readonly id: string; readonly url: string }[] {
    return Object.entries(this.nodeUrls()).map(([id, url]) => ({ id, url }));
  }

  /** Ends control with a signal and starts it again; how it ended. `between` runs while it is gone. */
  async restart(signal: NodeJS.Signals, between: () => void = () => {}): Promise<number | string> {
    const end = await this.control.stop(signal);
    between();
    this.sidecar.close();
    await this.#begin();
    return end;
  }

  async stop(): Promise<void> {
    this.sidecar?.close();
    await this.control?.stop('SIGKILL');
    await Promise.all(this.engines.map((engine) => engine.close()));
    this.folder.remove();
  }

  async #begin(): Promise<void> {
    this.control = await startProcess(this.folder);
    assert.ok(this.control.address, this.control.stderr());
    this.sidecar = new TestSidecar(this.control.address, this.nodeUrls());
  }
}

/** Waits until the condition holds, up to 10 s by default. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  seconds = 10,
): Promise<void> {
  for (let tries = 0; tries < seconds * 40; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not come to be');
}
