/**
 * Writes 300 MB of documents through the handler and prints how far the resident memory grew. The nodes
 * are servers in this same process, so that what they hold counts too. Run by spool.test.ts.
 */
import { handleDocumentReplace } from '../../../../../sidecar/writes/index.ts';
import { makeStage, requestOf } from '../stage.ts';

const UPLOAD_BYTES = 300_000_000;
const CHUNK_BYTES = 64 * 1024;
const TEXT = 'lorem ipsum dolor sit amet '.repeat(20);

async function* upload(): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let lines = '';
  for (let id = 0; bytes < UPLOAD_BYTES; id += 1) {
    lines += `{"id":${id},"text":"${TEXT}"}\n`;
    if (lines.length < CHUNK_BYTES) continue;
    bytes += lines.length;
    yield Buffer.from(lines);
    lines = '';
    // As a socket would: other work gets its turn.
    if (id % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  yield Buffer.from(lines);
}

const stage = await makeStage();
stage.keepBodies = false;
await handleDocumentReplace(requestOf('[{"id":1}]'), stage.context());
stage.bodyBytes = 0;
const before = process.memoryUsage.rss();
let highest = before;
const timer = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage.rss());
}, 10);
const reply = await handleDocumentReplace(
  requestOf(upload(), 'application/x-ndjson'),
  stage.context(),
);
clearInterval(timer);
highest = Math.max(highest, process.memoryUsage.rss());
await stage.close();
console.log(
  JSON.stringify({
    status: reply.status,
    growthBytes: highest - before,
    sentBytes: stage.bodyBytes,
    parts: stage.received.length,
  }),
);
