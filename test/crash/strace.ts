/** Reads what strace wrote (-f -xx) into the events of a recording. */
import { assert } from '../../core/assert.ts';
import type { RecordedEvent } from './recording.ts';
import type { Version } from './version.ts';

const STDOUT = 1;

/** Descriptors of the data file: whether what is written through them is on disk at once. */
class Descriptors {
  readonly #isSynced = new Map<number, boolean>();
  readonly #positions = new Map<number, number>();

  opened(fd: number, path: string, flags: string): void {
    if (path.endsWith('/data.mdb')) this.#isSynced.set(fd, /O_D?SYNC/.test(flags));
    else this.#isSynced.delete(fd);
    this.#positions.set(fd, 0);
  }

  has(fd: number): boolean {
    return this.#isSynced.has(fd);
  }

  seek(fd: number, position: number): void {
    this.#positions.set(fd, position);
  }

  /** A write at the descriptor's own position, or at the one that is given. */
  write(fd: number, bytes: Buffer, at?: number): RecordedEvent {
    const offset = at ?? this.#positions.get(fd) ?? 0;
    if (at === undefined) this.#positions.set(fd, offset + bytes.length);
    return { kind: 'write', offset, bytes, isSynced: this.#isSynced.get(fd) === true };
  }
}

/** All events of the trace, in the order in which the calls ended. */
export function parseTrace(text: string): RecordedEvent[] {
  const files = new Descriptors();
  const events: RecordedEvent[] = [];
  for (const call of wholeCalls(text)) {
    const event = eventOf(call, files);
    if (event !== undefined) events.push(event);
  }
  return events;
}

interface Call {
  readonly name: string;
  readonly words: string;
  readonly result: number;
}

/** Calls of several threads overlap: the beginning and the end of one may be on different lines. */
function* wholeCalls(text: string): Generator<Call> {
  const begun = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith('<unfinished ...>')) {
      begun.set(pid, rest.slice(0, -'<unfinished ...>'.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const whole = resumed === null ? rest : `${begun.get(pid) ?? ''}${resumed[1]}`;
    const match = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(whole);
    if (match === null) continue;
    yield { name: match[1] ?? '', words: match[2] ?? '', result: Number(match[3]) };
  }
}

function eventOf({ name, words, result }: Call, files: Descriptors): RecordedEvent | undefined {
  if (result < 0) return undefined;
  if (name === 'openat') {
    files.opened(
      result,
      texts(words)[0]?.toString('utf8') ?? '',
      words.slice(words.lastIndexOf('"')),
    );
    return undefined;
  }
  const fd = Number.parseInt(words, 10);
  if (fd === STDOUT && name === 'write') {
    const version = JSON.parse(texts(words)[0]?.toString('utf8') ?? '') as Version;
    return { kind: 'version', version };
  }
  assert(name !== 'msync', 'the file is not written through its map');
  if (!files.has(fd)) return undefined;
  const numbers =
    words
      .slice(words.lastIndexOf('"') + 1)
      .match(/\d+/g)
      ?.map(Number) ?? [];
  switch (name) {
    case 'lseek':
      files.seek(fd, result);
      return undefined;
    case 'write':
    case 'writev':
      return files.write(fd, Buffer.concat(texts(words)).subarray(0, result));
    case 'pwrite64':
    case 'pwritev':
      return files.write(fd, Buffer.concat(texts(words)).subarray(0, result), numbers.at(-1));
    case 'ftruncate':
      return { kind: 'resize', size: Number(words.split(',')[1]) };
    default:
      return { kind: 'sync' };
  }
}

/** The quoted arguments. */
function texts(words: string): Buffer[] {
  return [...words.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)].map(([, hex = '', cut]) => {
    assert(cut === undefined, 'strace shows all bytes');
    return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
  });
}
