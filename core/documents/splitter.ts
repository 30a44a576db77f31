/**
 * Takes a payload as it arrives, in any cuts, and finds its documents, their places and the hashes of
 * their primary keys, or why the payload cannot be written. Everything is checked before anything is sent.
 *
 *   bytes -> (CSV becomes NDJSON) -> sink (the spool) and, once, through the fast scanner -> table
 *
 * The scanner works on a contiguous buffer that holds what is not yet decided. Where it cannot go on
 * (broken grammar, very deep nesting, a document larger than the buffer may grow) scanning stops and only
 * the sink goes on; `finish` then has the whole payload at hand in the spool and asks the exact reader.
 *
 * Order of verdicts, as a node reaches them: the body is read to its end, then any fault of grammar
 * anywhere refuses it; then our own refusal of reserved fields; then the task fails for the primary key,
 * for the first document without a valid identifier, or for a value that indexing chokes on.
 */
import { isUtf8 } from 'node:buffer';
import { type ByteSource, ByteWindow } from '../json/byte-source.ts';
import { JsonFault } from '../json/json-fault.ts';
import { DocumentScanner, SCAN_INCOMPLETE } from '../json/scan.ts';
import { type HashHalves, hashPrimaryKeyInto } from '../placement/hash.ts';
import { POSITION_LIMIT } from '../reserved/index.ts';
import { CsvConverter, CsvFault } from './csv.ts';
import { DocumentTable } from './document-table.ts';
import { examineDocument } from './examine.ts';
import {
  inferenceFailure,
  malformedCsv,
  missingPayload,
  type PayloadFormat,
  type Rejection,
  type TaskFailure,
  valueFailure,
} from './failures.ts';
import { PlainShapes } from './plain-shapes.ts';
import { keyCandidates, keyLevels, type Span } from './primary-key.ts';
import { type PayloadPlace, readPayloadStep } from './read-payload.ts';
import { UNDECIDED_BYTES_MAX, UndecidedBytes } from './undecided-bytes.ts';
import type { ValueFault } from './value-faults.ts';

/** What a payload comes to. */
export type SplitResult =
  | { readonly kind: 'ok'; readonly table: DocumentTable; readonly primaryKey: string | undefined }
  /** The client gets this error and there is no task. */
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  /** A document names a field of Miroir's own. */
  | { readonly kind: 'reserved'; readonly name: string }
  /** There is a task, and it fails; nothing is written. */
  | {
      readonly kind: 'task-failed';
      readonly failure: TaskFailure;
      readonly documentCount: number;
      readonly primaryKey: string | undefined;
    };

/** How to split. */
export interface SplitOptions {
  readonly format: PayloadFormat;
  /** Of the index, or named by the client; undefined: inferred from the first document. */
  readonly primaryKey: string | undefined;
  /** For texts of errors. */
  readonly indexUid: string;
  /** A later document with the same identifier replaces an earlier one (POST) or is merged into it (PUT). */
  readonly laterReplaces: boolean;
  /** The index filters or sorts by `_geo`, which must then be a place. */
  readonly checksGeo: boolean;
  /** Unknown documents are dropped (`skipCreation`): only a node knows whose values matter. */
  readonly ignoresValues: boolean;
  /** ASCII code; CSV only. Default: a comma. */
  readonly csvDelimiter?: number;
  /** Takes every byte to spool, in order. Must not keep the array beyond the call unless it copies. */
  readonly sink: (bytes: Uint8Array) => void;
}

/** So many faulty values are remembered; all of them would have to be replaced later to be harmless. */
const VALUE_FAULTS_MAX = 64;
const COMMA = 0x2c;

/** Splits one payload. Call `push` for each chunk, then `end`, then `finish`. */
export class DocumentSplitter {
  readonly #options: SplitOptions;
  readonly #csv: CsvConverter | undefined;
  readonly #table = new DocumentTable();
  readonly #hash: HashHalves = { low: 0, high: 0 };
  readonly #shapes: PlainShapes;
  #scanner: DocumentScanner;
  #primaryKey: string | undefined;
  #receivedBytes = 0;
  #place: PayloadPlace;
  #isStopped = false;
  #documentCount = 0;
  #rejection: Rejection | undefined;
  #reservedName: string | undefined;
  #keyFailure: TaskFailure | undefined;
  /** Rows of the table whose values indexing will choke on, and what it will say. */
  readonly #valueFaults: { row: number; fault: ValueFault }[] = [];

  readonly #undecided = new UndecidedBytes();
  /** Scanning again pays only when there are so many bytes. */
  #worthBytes = 0;

  constructor(options: SplitOptions) {
    this.#options = options;
    this.#csv =
      options.format === 'csv' ? new CsvConverter(options.csvDelimiter ?? COMMA) : undefined;
    this.#place = options.format === 'json' ? 'start' : 'lines';
    this.#primaryKey = options.primaryKey;
    this.#shapes = new PlainShapes(options.checksGeo);
    this.#scanner = makeScanner(options.primaryKey);
  }

  /** Takes the next bytes of the body. */
  push(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    if (this.#csv === undefined) this.#accept(chunk);
    else this.#convert((csv) => csv.push(chunk));
  }

  /** Ends the body: its last bytes, if any are held back, go to the sink. */
  end(): void {
    if (this.#csv !== undefined && this.#receivedBytes > 0) this.#convert((csv) => csv.finish());
  }

  /** Judges the body after `end`. `spooled` holds exactly the bytes that the sink was given. */
  finish(spooled: ByteSource): SplitResult {
    const steps = this.finishInSteps(spooled);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  }

  /**
   * As `finish`, giving way between steps: what was left to the exact reader may be the whole payload,
   * and whoever drives this can let other work in. A step is at most one document or one buffer.
   */
  *finishInSteps(spooled: ByteSource): Generator<undefined, SplitResult> {
    if (this.#receivedBytes === 0) {
      return { kind: 'rejected', rejection: missingPayload(this.#options.format) };
    }
    const window = new ByteWindow(spooled);
    while (this.#rejection === undefined && this.#place !== 'end') {
      this.#advance(spooled, window);
      yield undefined;
    }
    return this.#conclude();
  }

  #convert(step: (csv: CsvConverter) => Buffer): void {
    if (this.#csv === undefined || this.#rejection !== undefined) return;
    try {
      this.#accept(step(this.#csv));
    } catch (error) {
      if (!(error instanceof CsvFault)) throw error;
      this.#rejection = malformedCsv(error.message);
    }
  }

  #accept(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#options.sink(bytes);
    if (this.#isStopped || this.#rejection !== undefined || this.#place === 'end') return;
    if (!this.#undecided.append(bytes)) this.#isStopped = true;
    else if (this.#undecided.count >= this.#worthBytes) this.#scan();
  }

  /** Scans documents until the buffer holds no whole one, or until something is not plainly right. */
  #scan(): void {
    const bytes = this.#undecided;
    bytes.buffer[bytes.filled] = 0;
    this.#worthBytes = 0;
    const isAllUtf8 = isUtf8(bytes.buffer.subarray(bytes.cursor, bytes.filled));
    for (;;) {
      if (this.#rejection !== undefined || this.#documentCount > POSITION_LIMIT) return;
      const start = this.#findDocument();
      if (start < 0) {
        this.#worthBytes = bytes.count * 2;
        return;
      }
      const end = this.#scanner.scan(bytes.buffer, start, bytes.filled);
      if (end === SCAN_INCOMPLETE) {
        this.#worthBytes = bytes.count * 2;
        return;
      }
      if (end < 0 || (!isAllUtf8 && !isUtf8(bytes.buffer.subarray(start, end)))) {
        this.#isStopped = true;
        return;
      }
      const isSuspectSingle = this.#place === 'start' && this.#scanner.isSuspect;
      if (isSuspectSingle || !this.#takeScanned(start, end)) {
        this.#isStopped = true;
        return;
      }
      if (this.#place === 'start') this.#place = 'single-end';
      else if (this.#place === 'array-first') this.#place = 'array-next';
      bytes.cursor = end;
    }
  }

  /**
   * Goes to the brace of the next document and returns its place in the buffer; -1 if it is not there yet,
   * if the payload ends here, or if something else is (then scanning stops).
   */
  #findDocument(): number {
    const bytes = this.#undecided;
    let at = this.#skipBlanks(bytes.cursor);
    bytes.cursor = at;
    if (at === bytes.filled) return -1;
    const byte = bytes.buffer[at];
    if (this.#place === 'start' && byte === 0x5b) {
      this.#place = 'array-first';
      bytes.cursor = at + 1;
      at = this.#skipBlanks(at + 1);
      if (at === bytes.filled) return -1;
    } else if (this.#place === 'array-next' && byte === COMMA) {
      at = this.#skipBlanks(at + 1);
      if (at === bytes.filled) return -1;
    } else if (this.#place === 'array-next' && byte === 0x5d) {
      this.#place = 'end';
      bytes.cursor = at + 1;
      return -1;
    } else if (this.#place === 'array-next' || this.#place === 'single-end') {
      this.#isStopped = true;
      return -1;
    }
    if (bytes.buffer[at] === 0x7b) return at;
    this.#isStopped = true;
    return -1;
  }

  #skipBlanks(from: number): number {
    const { buffer } = this.#undecided;
    let at = from;
    for (;;) {
      const byte = buffer[at] as number;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
      at += 1;
    }
  }

  /** Takes a document that the scanner found; false if a name in it is no text. */
  #takeScanned(start: number, end: number): boolean {
    const scanner = this.#scanner;
    const bytes = this.#undecided;
    const isFirst = this.#documentCount === 0 && this.#primaryKey === undefined;
    const isPlain =
      !scanner.isSuspect &&
      !scanner.hasReserved &&
      !isFirst &&
      this.#shapes.areSure(scanner, bytes.buffer, bytes.filled);
    if (isPlain && scanner.keyIsPlain) {
      hashPrimaryKeyInto(bytes.buffer.subarray(scanner.keyStart, scanner.keyEnd), this.#hash);
      this.#table.add(bytes.base + start, end - start, this.#hash.low, this.#hash.high);
      this.#documentCount += 1;
      return true;
    }
    if (isPlain && this.#keyFailure !== undefined) {
      this.#documentCount += 1;
      return true;
    }
    try {
      this.#take(new ByteWindow(bytes.buffer), { start, end }, bytes.base);
      return true;
    } catch (error) {
      if (error instanceof JsonFault) return false;
      throw error;
    }
  }

  /** Takes a document after an exact look. `base` is the place of the window's first byte in the spool. */
  #take(window: ByteWindow, span: Span, base: number): void {
    const { format, checksGeo } = this.#options;
    const how = { lastWins: format === 'json', isSingle: this.#place === 'start', checksGeo };
    if (this.#documentCount === 0 && this.#primaryKey === undefined) {
      const { names } = examineDocument(window, span, { ...how, primaryKey: undefined });
      const candidates = keyCandidates(names);
      if (candidates.length === 1) {
        this.#primaryKey = candidates[0];
        this.#scanner = makeScanner(this.#primaryKey);
      } else this.#keyFailure = inferenceFailure(candidates);
    }
    const found = examineDocument(window, span, { ...how, primaryKey: this.#primaryKey });
    this.#reservedName ??= found.reservedName;
    this.#keyFailure ??= found.failure;
    if (found.id !== undefined) {
      if (found.valueFault !== undefined && this.#valueFaults.length < VALUE_FAULTS_MAX) {
        this.#valueFaults.push({ row: this.#table.count, fault: found.valueFault });
      }
      hashPrimaryKeyInto(found.id, this.#hash);
      this.#table.add(base + span.start, span.end - span.start, this.#hash.low, this.#hash.high);
    }
    this.#documentCount += 1;
  }

  /** With the whole payload at hand: goes on scanning, or takes one exact step where that gets stuck. */
  #advance(spooled: ByteSource, window: ByteWindow): void {
    if (this.#documentCount > POSITION_LIMIT) {
      this.#rejection = {
        code: 'payload_too_large',
        message: `The payload holds more than ${POSITION_LIMIT} documents.`,
      };
      return;
    }
    const before = this.#undecided.offset;
    const placeBefore = this.#place;
    if (!this.#isStopped && this.#undecided.load(spooled)) this.#scan();
    if (this.#undecided.offset > before || this.#place !== placeBefore) return;
    const isAllLoaded = this.#undecided.isAllLoaded(spooled);
    if (!this.#isStopped && !isAllLoaded && this.#undecided.makeRoom(this.#undecided.filled))
      return;
    this.#isStopped = false;
    const step = readPayloadStep(window, this.#place, before);
    if (step.kind === 'rejected') {
      this.#rejection = step.rejection;
      return;
    }
    if (step.kind === 'document') this.#takeExact(window, step.span);
    this.#place = step.next;
    this.#undecided.goTo(step.offset);
  }

  #takeExact(window: ByteWindow, span: Span): void {
    const isLarge = span.end - span.start > UNDECIDED_BYTES_MAX;
    if (isLarge) this.#take(window, span, 0);
    else {
      const bytes = window.slice(span.start, span.end);
      this.#take(new ByteWindow(bytes), { start: 0, end: bytes.length }, span.start);
    }
  }

  #conclude(): SplitResult {
    const primaryKey = this.#primaryKey;
    if (this.#rejection !== undefined) return { kind: 'rejected', rejection: this.#rejection };
    if (this.#reservedName !== undefined) return { kind: 'reserved', name: this.#reservedName };
    const failure = this.#keyFailure ?? this.#valueFailure();
    if (failure === undefined) return { kind: 'ok', table: this.#table, primaryKey };
    return { kind: 'task-failed', failure, documentCount: this.#documentCount, primaryKey };
  }

  /** The first value that indexing chokes on; documents that are replaced in the same payload do not count. */
  #valueFailure(): TaskFailure | undefined {
    const { ignoresValues, laterReplaces, indexUid } = this.#options;
    if (ignoresValues) return undefined;
    const found = this.#valueFaults.find(
      ({ row }) => !laterReplaces || !this.#table.isReplacedLater(row),
    );
    return found === undefined ? undefined : valueFailure(indexUid, found.fault);
  }
}

function makeScanner(primaryKey: string | undefined): DocumentScanner {
  return new DocumentScanner(
    primaryKey === undefined || primaryKey === ''
      ? []
      : keyLevels(primaryKey).map(({ name }) => name),
  );
}
