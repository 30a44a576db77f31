/** Questions to any node that change nothing, asked for the text of an error. */
import type { WriteContext } from './context.ts';

const DEADLINE_MS = 5_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
const NODES_MAX = 3;

/** The parts of a question. */
export interface Probe {
  readonly path: string;
  readonly body: Uint8Array;
  /** Empty: none is sent. */
  readonly authorization: string;
}

/** A node's answer; code and message are empty where it is no error. */
export interface ProbeAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly code: string;
  readonly message: string;
}

/** Asks nodes until one answers; undefined if none of the first three does. */
export async function askOneNode(
  context: WriteContext,
  probe: Probe,
): Promise<ProbeAnswer | undefined> {
  for (const nodeId of context.nodeIds.slice(0, NODES_MAX)) {
    const outcome = await context.callNode(nodeId, {
      method: 'POST',
      path: probe.path,
      headers: {
        'content-type': 'application/json',
        ...(probe.authorization === '' ? {} : { authorization: probe.authorization }),
      },
      body: probe.body,
      deadlineMs: DEADLINE_MS,
      answerBytesMax: ANSWER_BYTES_MAX,
    });
    if (outcome.kind !== 'answered' || outcome.status >= 500) continue;
    return { status: outcome.status, body: outcome.body, ...readError(outcome.body) };
  }
  return undefined;
}

function readError(body: Uint8Array): { code: string; message: string } {
  try {
    const { code, message } = JSON.parse(Buffer.from(body).toString('utf8')) as Record<
      string,
      unknown
    >;
    return {
      code: typeof code === 'string' ? code : '',
      message: typeof message === 'string' ? message : '',
    };
  } catch (error) {
    if (error instanceof SyntaxError) return { code: '', message: '' };
    throw error;
  }
}
