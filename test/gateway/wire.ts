/** Raw requests and small HTTP clients that say exactly what a test wants said. */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';

/** One client for all tests; the connection is not kept, so that no test depends on another. */
const agent = new Agent({ pipelining: 0 });

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly json: any;
}

interface CallOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string | AsyncIterable<Uint8Array>;
}

/** One request over HTTP/1.1. */
export async function call(url: string, options: CallOptions = {}): Promise<Answer> {
  const response = await request(url, {
    method: (options.method ?? (options.body === undefined ? 'GET' : 'POST')) as 'GET',
    headers: options.headers ?? {},
    body: (options.body ?? null) as string | null,
    dispatcher: agent,
    headersTimeout: 20_000,
  });
  const bytes = Buffer.from(await response.body.arrayBuffer());
  return answerOf(response.statusCode, response.headers, bytes);
}

function answerOf(status: number, headers: Answer['headers'], bytes: Buffer): Answer {
  return {
    status,
    headers,
    bytes,
    get text() {
      return bytes.toString('latin1');
    },
    get json() {
      return bytes.length === 0 ? undefined : JSON.parse(bytes.toString());
    },
  };
}

/** What came back over a raw socket. */
export interface RawAnswer {
  readonly text: string;
  /** Status lines in order, for instance `HTTP/1.1 200 OK`. */
  readonly statuses: readonly string[];
  /** Body of the last answer. */
  readonly body: string;
  readonly isClosed: boolean;
}

/** How long nothing must come after a whole answer for the exchange to be over. */
const QUIET_MS = 150;

/** Whether the last answer in `text` has all the bytes its length announces. */
function endsWhole(text: string): boolean {
  const lastHead = text.lastIndexOf('HTTP/1.');
  const headEnd = text.indexOf('\r\n\r\n', lastHead);
  const length = /\r\ncontent-length: (\d+)\r/.exec(text.slice(lastHead, headEnd + 2))?.[1];
  return headEnd >= 0 && length !== undefined && text.length >= headEnd + 4 + Number(length);
}

/** Sends `bytes` as they are and collects until all is answered, closed, or `waitMs` are over. */
export async function raw(
  port: number,
  bytes: string | readonly string[],
  options: { readonly waitMs?: number; readonly halfClose?: boolean } = {},
): Promise<RawAnswer> {
  const socket = await open(port);
  let text = '';
  let isClosed = false;
  let quietTimer: NodeJS.Timeout | undefined;
  let onQuiet: () => void = () => undefined;
  const quiet = new Promise<void>((resolve) => {
    onQuiet = resolve;
  });
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    clearTimeout(quietTimer);
    if (text.length < 1_000_000 && endsWhole(text)) quietTimer = setTimeout(onQuiet, QUIET_MS);
  });
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isClosed = true;
      resolve();
    });
  });
  for (const part of typeof bytes === 'string' ? [bytes] : bytes) {
    socket.write(Buffer.from(part, 'latin1'));
    if (typeof bytes !== 'string') await sleep(50);
  }
  if (options.halfClose === true) socket.end();
  await Promise.race([closed, quiet, sleep(options.waitMs ?? 1500)]);
  clearTimeout(quietTimer);
  socket.destroy();
  return {
    text,
    statuses: text.match(/HTTP\/1\.[01] \d{3}[^\r]*/g) ?? [],
    body: text.slice(text.lastIndexOf('\r\n\r\n') + 4),
    isClosed,
  };
}

/** A connected socket; errors after that are the test's own doing. */
export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** One request over HTTP/2 without TLS (prior knowledge). */
export async function callHttp2(
  url: string,
  headers: Record<string, string>,
  options: { readonly body?: Buffer; readonly trailers?: Record<string, string> } = {},
): Promise<Answer> {
  const session = connectHttp2(url);
  session.on('error', () => undefined);
  try {
    const hasBody = options.body !== undefined || options.trailers !== undefined;
    const stream = session.request(headers, {
      endStream: !hasBody,
      waitForTrailers: options.trailers !== undefined,
    });
    let answered: Record<string, string | string[] | undefined> = {};
    stream.on('response', (received) => {
      answered = received as typeof answered;
    });
    if (options.trailers !== undefined) {
      stream.on('wantTrailers', () => stream.sendTrailers(options.trailers ?? {}));
    }
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    if (hasBody) stream.end(options.body);
    await once(stream, 'end');
    return answerOf(Number(answered[':status']), answered, Buffer.concat(chunks));
  } finally {
    session.close();
  }
}

/** Waits until `isTrue`, at most `limitMs`; gives whether it became true. */
export async function eventually(
  isTrue: () => Promise<boolean> | boolean,
  limitMs = 5000,
): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += 50) {
    if (await isTrue()) return true;
    await sleep(50);
  }
  return false;
}
