/** Jobs that write a backup into the data folder. One that was cut off is written anew by the next leader. */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DriverTools, JobDriver } from '../jobs/index.ts';
import type { JobRecord } from '../state/index.ts';
import { type Store, writeBackup } from '../store/index.ts';

/** Writes backups. */
export class BackupDriver implements JobDriver {
  readonly #store: Pick<Store, 'snapshot'>;
  readonly #folder: string;
  readonly #clusterId: () => string;

  constructor(options: {
    readonly store: Pick<Store, 'snapshot'>;
    readonly folder: string;
    readonly clusterId: () => string;
  }) {
    this.#store = options.store;
    this.#folder = options.folder;
    this.#clusterId = options.clusterId;
  }

  async run(job: JobRecord, { signal, report }: DriverTools): Promise<string> {
    const file = join(this.#folder, String(job.spec['fileName']));
    const whole = statSync(file, { throwIfNoEntry: false });
    // It takes its name when it is whole: what ended before the end was committed is done.
    if (whole !== undefined) return `${whole.size} bytes`;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    rmSync(`${file}.part`, { force: true });
    let done = 0;
    const snapshot = async function* (
      this: Pick<Store, 'snapshot'>,
      options: Parameters<Store['snapshot']>[0],
    ): AsyncGenerator<Buffer> {
      for await (const chunk of this.snapshot(options)) {
        signal.throwIfAborted();
        done += chunk.length;
        report({ done, total: 0, unit: 'bytes' });
        yield chunk;
      }
    }.bind(this.#store);
    const written = await writeBackup({ snapshot }, { file, clusterId: this.#clusterId() });
    return `${written.bytesCount} bytes`;
  }
}
