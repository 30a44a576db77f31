/**
 * Room on the disk of the state. A commit that finds none ends the process, since memory is then ahead of
 * the disk; so new writes are refused while there is little left, and what is kept free lets everything
 * that was begun come to its end.
 */
import { statfs } from 'node:fs/promises';

/** Free bytes below which nothing new is begun, and above which it is again. */
const FULL_BELOW_BYTES = 32 * 1024 * 1024;
const ROOM_FROM_BYTES = 48 * 1024 * 1024;
const LOOK_EVERY_MS = 500;

/** What the look-out needs. */
export interface FreeSpaceOptions {
  /** Any folder on the disk. */
  readonly folder: string;
  /** Called when it becomes full, and when there is room again. */
  readonly onChange: (isFull: boolean, freeBytes: number) => void;
}

/** Looks twice a second until closed. */
export class FreeSpace {
  readonly #options: FreeSpaceOptions;
  readonly #timer: NodeJS.Timeout;
  #isFull = false;

  private constructor(options: FreeSpaceOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Resolves after the first look. */
  static async start(options: FreeSpaceOptions): Promise<FreeSpace> {
    const space = new FreeSpace(options);
    await space.#look();
    return space;
  }

  /** Nothing new may be begun. */
  get isFull(): boolean {
    return this.#isFull;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { folder, onChange } = this.#options;
    const disk = await statfs(folder).catch(() => undefined);
    // A disk that does not tell is left to the commits.
    if (disk === undefined) return;
    const freeBytes = disk.bavail * disk.bsize;
    const isFull = freeBytes < (this.#isFull ? ROOM_FROM_BYTES : FULL_BELOW_BYTES);
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    onChange(isFull, freeBytes);
  }
}
