/**
 * A request body on its way from the transport to the route: pieces are pushed in as they arrive and
 * read as one AsyncIterable. Holds little: above a mark the transport is told to pause, and goes on when
 * the reader has caught up, so a slow reader slows the client down.
 */

/** Bytes above which the transport pauses. Envoy sends pieces of up to 1 MiB. */
const PAUSE_BYTES = 1024 * 1024;

/** What the queue asks of the transport. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/** One body; read at most once. */
export class BodyQueue implements AsyncIterable<Uint8Array> {
  private readonly flow: Flow;
  private pieces: Uint8Array[] = [];
  private queuedBytes = 0;
  private isPaused = false;
  /** Whether no more will come: the end or a failure. */
  isOver: boolean;
  private isDiscarding = false;
  private error: unknown;
  private wake: (() => void) | undefined;
  /** Bytes that came in so far. */
  receivedBytes = 0;

  constructor(flow: Flow, isEmpty: boolean) {
    this.flow = flow;
    this.isOver = isEmpty;
  }

  /** Whether the last byte has come in. */
  get isComplete(): boolean {
    return this.isOver && this.error === undefined;
  }

  /** Takes the next piece; `isLast` ends the body. */
  push(piece: Uint8Array, isLast: boolean): void {
    this.receivedBytes += piece.length;
    if (!this.isDiscarding && piece.length > 0) {
      this.pieces.push(piece);
      this.queuedBytes += piece.length;
    }
    if (isLast) this.isOver = true;
    else if (this.queuedBytes >= PAUSE_BYTES && !this.isPaused) {
      this.isPaused = true;
      this.flow.pause();
    }
    this.wakeReader();
  }

  /** The body will not become whole: reading fails with `error`. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.error = error;
    this.wakeReader();
  }

  /** From now on pieces are dropped unread, and the transport is let flow. */
  discard(): void {
    this.isDiscarding = true;
    this.pieces = [];
    this.queuedBytes = 0;
    this.release();
  }

  /** Resolves at the next piece, end or failure; at once if the body is over. */
  async changed(): Promise<void> {
    if (this.isOver) return;
    await new Promise<void>((resolve) => {
      const earlier = this.wake;
      this.wake = () => {
        earlier?.();
        resolve();
      };
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.pieces.shift();
      if (piece !== undefined) {
        this.queuedBytes -= piece.length;
        yield piece;
      } else if (this.error !== undefined) {
        throw this.error;
      } else if (this.isOver) {
        return;
      } else {
        this.release();
        await this.changed();
      }
    }
  }

  private release(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.flow.resume();
  }

  private wakeReader(): void {
    const wake = this.wake;
    this.wake = undefined;
    wake?.();
  }
}
