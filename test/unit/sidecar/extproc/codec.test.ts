/**
 * Goal: what is read and written by hand on ext_proc streams is what the generated codec reads and writes.
 * Method: random messages through both, in both directions; and random bytes, which may be refused but
 * must never do anything else.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  ProcessingRequest,
  ProcessingResponse,
} from '../../../../proto/gen/envoy/service/ext_proc/v3/ext_proc.ts';
import { decodeInbound } from '../../../../sidecar/extproc/decode.ts';
import {
  encodeEmptyBody,
  encodeImmediate,
  encodeRoute,
  encodeStreamedBody,
  encodeStreamedHead,
  encodeTrailers,
  encodeUnavailable,
} from '../../../../sidecar/extproc/encode.ts';
import { seed, suite } from '../../../kit/suite.ts';

const tests = suite('ext_proc codec');
const runs = { seed, numRuns: 60 };

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
/** What may stand in a header value. */
const text = (bytes: Uint8Array) =>
  latin1(bytes.map((byte) => (byte < 32 || byte === 127 ? 32 : byte)));
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,40}$/);
/** Long ones need lengths of two and three bytes. */
const value = fc
  .oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 20_000, maxLength: 20_001 }))
  .map(text);
const headers = fc.uniqueArray(fc.tuple(name, value), { maxLength: 8, selector: ([key]) => key });
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constant(new Uint8Array(70_000).fill(7)),
);
const status = fc.integer({ min: 200, max: 599 });

const raw = ([key, text]: readonly [string, string]) => ({
  key,
  value: '',
  rawValue: Buffer.from(text, 'latin1'),
});

tests.test('headers, bodies and trailers are read', () => {
  fc.assert(
    fc.property(headers, body, fc.boolean(), fc.nat(5), (list, bytes, isEnd, mode) => {
      const head = decodeInbound(
        encodeRequest(
          {
            $case: 'requestHeaders',
            value: { headers: { headers: list.map(raw) }, endOfStream: isEnd },
          },
          mode,
        ),
      );
      assert.equal(head, {
        kind: 'headers',
        headers: new Map(list),
        isEnd,
        protocol: { requestBodyMode: mode, responseBodyMode: 0 },
      });
      const piece = decodeInbound(
        encodeRequest({
          $case: 'requestBody',
          value: {
            body: Buffer.from(bytes),
            endOfStream: isEnd,
            endOfStreamWithoutMessage: false,
            grpcMessageCompressed: false,
          },
        }),
      );
      assert.is(piece.kind, 'body');
      if (piece.kind === 'body') {
        assert.is(piece.isEnd, isEnd);
        assert.ok(Buffer.from(bytes).equals(piece.bytes));
      }
    }),
    runs,
  );
  const trailers = encodeRequest({ $case: 'requestTrailers', value: { trailers: undefined } });
  assert.equal(decodeInbound(trailers), { kind: 'trailers' });
});

tests.test('repeated headers are joined, cookies their own way; plain values are read too', () => {
  const list = [
    raw(['accept', 'a']),
    { key: 'accept', value: 'b', rawValue: Buffer.alloc(0) },
    raw(['cookie', 'c=1']),
    raw(['cookie', 'd=2']),
  ];
  const message = encodeRequest({
    $case: 'requestHeaders',
    value: { headers: { headers: list }, endOfStream: true },
  });
  const inbound = decodeInbound(message);
  assert.is(inbound.kind, 'headers');
  if (inbound.kind === 'headers') {
    assert.is(inbound.headers.get('accept'), 'a, b');
    assert.is(inbound.headers.get('cookie'), 'c=1; d=2');
  }
});

tests.test('fields of a newer Envoy are passed over', () => {
  const message = encodeRequest({
    $case: 'requestBody',
    value: {
      body: Buffer.from('abc'),
      endOfStream: true,
      endOfStreamWithoutMessage: false,
      grpcMessageCompressed: false,
    },
  });
  // Field 30 as a number, 31 as bytes, 14 as 64 bits, 15 as 32 bits.
  const newer = Buffer.from([
    0xf0, 1, 5, 0xfa, 1, 2, 9, 9, 0x71, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4,
  ]);
  const inbound = decodeInbound(Buffer.concat([newer, message, newer]));
  assert.equal(inbound, { kind: 'body', bytes: Buffer.from('abc'), isEnd: true });
});

tests.test('phases that are not ours are named, and broken bytes refused', () => {
  const response = encodeRequest({
    $case: 'responseHeaders',
    value: { headers: undefined, endOfStream: true },
  });
  assert.equal(decodeInbound(response), { kind: 'unexpected', field: 3 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeInbound(Buffer.from(bytes));
      } catch (error) {
        assert.instance(error, RangeError);
      }
    }),
    { seed, numRuns: 3000 },
  );
});

tests.test('every answer is read back by the generated codec', () => {
  fc.assert(
    fc.property(headers, body, status, fc.boolean(), (list, bytes, code, isEnd) => {
      const immediate = decodeResponse(encodeImmediate(code, list, [bytes, bytes]));
      assert.is(immediate.$case, 'immediateResponse');
      if (immediate.$case === 'immediateResponse') {
        assert.is(immediate.value.status?.code, code);
        assert.is(immediate.value.details, 'miroir');
        assert.ok(Buffer.concat([bytes, bytes]).equals(immediate.value.body));
        assert.equal(
          immediate.value.headers?.setHeaders.map(({ header }) => [
            header?.key,
            latin1(header?.rawValue ?? Buffer.alloc(0)),
          ]),
          list,
        );
        assert.ok(
          immediate.value.headers?.setHeaders.every(({ appendAction }) => appendAction === 2),
        );
      }
      const head = decodeResponse(encodeStreamedHead(code, list, isEnd));
      assert.equal(plain(head), {
        $case: 'streamedImmediateResponse',
        value: {
          response: {
            $case: 'headersResponse',
            value: {
              headers: { headers: plain([[':status', String(code)] as const, ...list].map(raw)) },
              endOfStream: isEnd,
            },
          },
        },
      });
      const piece = decodeResponse(encodeStreamedBody(bytes, isEnd));
      assert.equal(plain(piece), {
        $case: 'streamedImmediateResponse',
        value: {
          response: {
            $case: 'bodyResponse',
            value: { body: plain(Buffer.from(bytes)), endOfStream: isEnd },
          },
        },
      });
    }),
    runs,
  );
});

tests.test('no value breaks out of its header', () => {
  for (const bad of ['a\r\nx-evil: 1', 'a\u010ab', 'a\u0000', '\u007f', '\ud83d']) {
    const message = encodeStreamedHead(200, [['x-name', bad]], true);
    const head = decodeResponse(message);
    assert.not.match(latin1(message).slice(latin1(message).indexOf('x-name')), /[\r\n\0\u007f]/);
    assert.is(head.$case, 'streamedImmediateResponse');
  }
});

tests.test('a request sent on is read back: headers, an empty body, trailers', () => {
  const route = decodeResponse(encodeRoute([['x-miroir-cluster', 'worker-3']]));
  assert.is(route.$case, 'requestHeaders');
  if (route.$case === 'requestHeaders') {
    assert.is(route.value.response?.clearRouteCache, true);
    const [option] = route.value.response?.headerMutation?.setHeaders ?? [];
    assert.is(option?.header?.key, 'x-miroir-cluster');
    assert.is(option?.header?.rawValue.toString(), 'worker-3');
    assert.is(option?.appendAction, 2);
  }
  for (const isEnd of [true, false]) {
    const empty = decodeResponse(encodeEmptyBody(isEnd));
    assert.is(empty.$case, 'requestBody');
    if (empty.$case === 'requestBody')
      assert.equal(plain(empty.value.response?.bodyMutation?.mutation), {
        $case: 'streamedResponse',
        value: { body: plain(Buffer.alloc(0)), endOfStream: isEnd },
      });
  }
  assert.is(decodeResponse(encodeTrailers()).$case, 'requestTrailers');
  const fault = decodeResponse(encodeUnavailable());
  assert.ok(fault.$case === 'immediateResponse' && fault.value.status?.code === 503);
});

function encodeRequest(request: ProcessingRequest['request'], mode?: number): Buffer {
  const protocolConfig =
    mode === undefined
      ? undefined
      : {
          requestBodyMode: mode,
          responseBodyMode: 0,
          sendBodyWithoutWaitingForHeaderResponse: false,
        };
  return Buffer.from(ProcessingRequest.encode({ request, protocolConfig }).finish());
}

function decodeResponse(bytes: Buffer): NonNullable<ProcessingResponse['response']> {
  const { response } = ProcessingResponse.decode(bytes);
  if (response === undefined) throw new Error('no response');
  return response;
}

/** Without the difference between kinds of byte arrays. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

tests.run();
