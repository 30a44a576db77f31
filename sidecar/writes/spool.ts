/**
 * Holds one upload while it is judged and sent: in memory up to a bound, then in a file that has no name
 * any more once it is open, so that nothing is left behind whatever happens to the process.
 *
 * Bytes are written in order and then read at any place, by several readers at once. Memory holds blocks
 * of one size; a file is read through one block per reader.
 */
import { randomUUID } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../../core/assert.ts';
import { MiroirError } from '../../core/errors.ts';
import type { ByteSource } from '../../core/json/byte-source.ts';

const BLOCK_BYTES = 256 * 1024;
const FIRST_BLOCK_BYTES_MIN = 4 * 1024;
/** Bytes that all spools of this process together keep in memory before they go on to disk. */
const TOTAL_MEMORY_BYTES = 128 * 1024 * 1024;

/** Bytes in memory of all spools. */
let memoryInUse = 0;

/** Where and how much. */
export interface SpoolOptions {
  /** Empty: the system's folder for temporary files. */
  readonly folder: string;
  /** Bytes kept in memory before a file is begun. */
  readonly memoryBytes: number;
}

/** One upload. `close` must be called, on every path. */
export class Spool implements ByteSource {
  readonly #options: SpoolOptions;
  /** All bytes while there is no file; what is not yet written once there is one. */
  #blocks: Buffer[] = [];
  #lastBlockUsed = BLOCK_BYTES;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #memoryBytes = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Bytes appended so far. */
  get byteLength(): number {
    return this.#fileBytes + this.#memoryBytes;
  }

  /** Nothing of it is on disk: reading it waits for nothing. */
  get isInMemory(): boolean {
    return this.#file === undefined;
  }

  /** Adds bytes; they are copied. Follow with `flush` before the next chunk. */
  append(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const block = this.#blockWithRoom(bytes.length - from);
      const count = Math.min(bytes.length - from, block.length - this.#lastBlockUsed);
      block.set(bytes.subarray(from, from + count), this.#lastBlockUsed);
      this.#lastBlockUsed += count;
      from += count;
    }
    this.#memoryBytes += bytes.length;
    memoryInUse += bytes.length;
  }

  /** The last block, or one more. The first grows by doubling, as most bodies are small. */
  #blockWithRoom(wantedBytes: number): Buffer {
    if (this.#lastBlockUsed === BLOCK_BYTES) {
      const bytes = this.#blocks.length > 0 ? BLOCK_BYTES : firstBlockBytes(wantedBytes);
      const added = Buffer.allocUnsafeSlow(bytes);
      this.#blocks.push(added);
      this.#lastBlockUsed = 0;
      return added;
    }
    const last = this.#blocks.length - 1;
    const block = this.#blocks[last];
    assert(block !== undefined, 'a block was added');
    if (this.#lastBlockUsed < block.length) return block;
    const grown = Buffer.allocUnsafeSlow(firstBlockBytes(block.length + wantedBytes));
    block.copy(grown);
    this.#blocks[last] = grown;
    return grown;
  }

  /** Moves bytes to disk if too many are in memory. Throws miroir_storage_full. */
  async flush(): Promise<void> {
    const isOverLimit =
      this.byteLength > this.#options.memoryBytes || memoryInUse > TOTAL_MEMORY_BYTES;
    if (!isOverLimit || this.#memoryBytes < BLOCK_BYTES) return;
    await this.#writeOut();
  }

  /** To be called once after the last byte: from then on reads see everything. Throws miroir_storage_full. */
  async seal(): Promise<void> {
    if (this.#file !== undefined && this.#memoryBytes > 0) await this.#writeOut();
  }

  async #writeOut(): Promise<void> {
    try {
      this.#file ??= await this.#openFile();
      for (const [i, block] of this.#blocks.entries()) {
        const isLast = i === this.#blocks.length - 1;
        const bytes = isLast ? block.subarray(0, this.#lastBlockUsed) : block;
        await writeAll(this.#file, bytes, this.#fileBytes);
        this.#fileBytes += bytes.length;
      }
    } catch (error) {
      throw storageError(error);
    }
    this.#dropMemory();
  }

  #dropMemory(): void {
    this.#blocks = [];
    this.#lastBlockUsed = BLOCK_BYTES;
    memoryInUse -= this.#memoryBytes;
    this.#memoryBytes = 0;
  }

  async #openFile(): Promise<FileHandle> {
    const folder = this.#options.folder === '' ? tmpdir() : this.#options.folder;
    const path = join(folder, `miroir-spool-${randomUUID()}`);
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return file;
  }

  /** Reads synchronously; for the few bytes that an exact look needs. After `seal` only. */
  read(offset: number, target: Uint8Array): number {
    const wanted = Math.min(target.length, this.byteLength - offset);
    if (wanted <= 0) return 0;
    if (this.#file !== undefined) return readSync(this.#file.fd, target, 0, wanted, offset);
    for (let done = 0; done < wanted; ) {
      const part = this.#memoryAt(offset + done).subarray(0, wanted - done);
      target.set(part, done);
      done += part.length;
    }
    return wanted;
  }

  /** Bytes in memory from `offset` to the end of their block. */
  #memoryAt(offset: number): Buffer {
    const index = Math.floor(offset / BLOCK_BYTES);
    const block = this.#blocks[index];
    assert(block !== undefined, 'offset is inside the spool');
    const used = index === this.#blocks.length - 1 ? this.#lastBlockUsed : BLOCK_BYTES;
    return block.subarray(offset - index * BLOCK_BYTES, used);
  }

  /** A reader of its own, for reading forward. After `seal` only. */
  reader(): SpoolReader {
    const file = this.#file;
    if (file === undefined) return new SpoolReader((offset) => this.#memoryAt(offset));
    let block: Buffer | undefined;
    return new SpoolReader(async (offset) => {
      block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, offset);
      assert(bytesRead > 0, 'offset is inside the spool');
      return block.subarray(0, bytesRead);
    });
  }

  /** Gives memory and disk back. */
  async close(): Promise<void> {
    this.#dropMemory();
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

type LoadBlock = (offset: number) => Buffer | Promise<Buffer>;

/** Walks forward through a spool; holds one block. */
export class SpoolReader {
  readonly #load: LoadBlock;
  /** Bytes at hand, the first of which is byte `from` of the spool. */
  block: Buffer = Buffer.alloc(0);
  from = 0;

  constructor(load: LoadBlock) {
    this.#load = load;
  }

  /** Brings the block that begins at `offset`; the one before may be written over. */
  async load(offset: number): Promise<void> {
    this.block = await this.#load(offset);
    this.from = offset;
  }
}

function firstBlockBytes(wantedBytes: number): number {
  let bytes = FIRST_BLOCK_BYTES_MIN;
  while (bytes < wantedBytes && bytes < BLOCK_BYTES) bytes *= 2;
  return bytes;
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

function storageError(error: unknown): MiroirError {
  const code = (error as { code?: unknown }).code;
  return new MiroirError(
    'miroir_storage_full',
    `The gateway has no room to take this body in (${typeof code === 'string' ? code : 'unknown'}).`,
    { cause: error, retryAfterSeconds: 10 },
  );
}
