/**
 * Access lines are many, and a write to stderr of its own for each took a quarter of a worker's time. So
 * they are gathered for a moment and written together; at most that moment's lines are lost if the
 * process is killed, none if it ends. Everything else is logged at once, by the logger's own stream.
 */

const FLUSH_EVERY_MS = 50;
const FLUSH_CHARACTERS = 64 * 1024;

/** Takes lines one by one and hands them on together. */
export class LineBuffer {
  private lines = '';
  private timer: NodeJS.Timeout | undefined;
  private readonly out: (text: string) => void;

  constructor(out: (text: string) => void) {
    this.out = out;
  }

  /** Adds a line, its newline included. */
  write(line: string): void {
    this.lines += line;
    if (this.lines.length >= FLUSH_CHARACTERS) {
      this.flush();
    } else if (this.timer === undefined) {
      this.timer = setTimeout(() => this.flush(), FLUSH_EVERY_MS);
      this.timer.unref();
    }
  }

  /** Hands on what there is. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.lines === '') return;
    const { lines } = this;
    this.lines = '';
    this.out(lines);
  }
}
