/**
 * Goal: uploads are held in bounded memory, leave nothing on disk, and come back byte for byte in the
 * parts that travel.
 * Method: spools of several sizes against the bytes put in; a full or missing folder; a large upload to a
 * real server in a process of its own, whose memory is looked at while it runs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { MiroirError } from '../../../../core/errors.ts';
import { TAIL_BYTES } from '../../../../core/reserved/index.ts';
import { cutParts, partBody } from '../../../../sidecar/writes/share.ts';
import { Spool } from '../../../../sidecar/writes/spool.ts';
import { splitPayload } from '../../../kit/split.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('sidecar/writes spool');

async function filled(bytes: Buffer, memoryBytes: number, chunkBytes: number, folder = '') {
  const spool = new Spool({ folder, memoryBytes });
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    spool.append(bytes.subarray(at, at + chunkBytes));
    await spool.flush();
  }
  await spool.seal();
  return spool;
}

test('what goes in comes out, from memory and from disk', async () => {
  const bytes = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => i % 251));
  for (const memoryBytes of [0, 300_000, 2_000_000]) {
    const spool = await filled(bytes, memoryBytes, 65_537);
    try {
      assert.is(spool.byteLength, bytes.length);
      for (const [offset, count] of [
        [0, 10],
        [262_140, 10],
        [1_000_000, 50],
        [5, 900_000],
      ] as const) {
        const target = Buffer.alloc(count);
        const read = spool.read(offset, target);
        assert.is(read, Math.min(count, bytes.length - offset));
        assert.ok(target.subarray(0, read).equals(bytes.subarray(offset, offset + read)));
      }
      const reader = spool.reader();
      let at = 0;
      while (at < bytes.length) {
        await reader.load(at);
        const part = reader.block;
        assert.ok(bytes.subarray(at, at + part.length).equals(part));
        at += part.length;
      }
    } finally {
      await spool.close();
    }
  }
});

test('the file has no name while it is in use', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-spool-test-'));
  try {
    const spool = await filled(Buffer.alloc(1_000_000), 0, 100_000, folder);
    assert.equal(readdirSync(folder), []);
    await spool.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a folder that takes nothing is a full storage', async () => {
  try {
    await filled(Buffer.alloc(1_000_000), 0, 100_000, '/nowhere/at/all');
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof MiroirError);
    assert.is((error as MiroirError).code, 'miroir_storage_full');
    assert.is((error as MiroirError).status, 503);
  }
});

test('parts are cut at document borders, as long as they say, and hold every document once', async () => {
  const documents = Array.from(
    { length: 200 },
    (_, i) => `{"id":${i},"v":"${'y'.repeat((i * 37) % 400)}"}`,
  );
  for (const format of ['json', 'ndjson'] as const) {
    const payload = format === 'json' ? `[${documents.join(',')}]` : documents.join('\n');
    const { result } = splitPayload(payload, { format });
    assert.ok(result.kind === 'ok');
    if (result.kind !== 'ok') return;
    const { table } = result;
    const rows = Uint32Array.from({ length: table.count }, (_, i) => i);
    const spool = await filled(Buffer.from(payload), 0, 1_000);
    const parts = cutParts(table, rows, format, 5_000);
    assert.ok(parts.length > 5);
    const seen: unknown[] = [];
    for (const part of parts) {
      assert.ok(part.bodyBytes <= 5_000);
      const chunks: Uint8Array[] = [];
      const source = { spool, table, rows, framing: format, seq: 1, shardCount: 16 };
      for await (const chunk of partBody(source, part)) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('utf8');
      assert.is(Buffer.byteLength(text), part.bodyBytes);
      const found =
        format === 'json'
          ? JSON.parse(text)
          : text
              .trimEnd()
              .split('\n')
              .map((line) => JSON.parse(line));
      seen.push(...found.map(({ id }: { id: number }) => id));
    }
    assert.equal(
      seen,
      documents.map((_, i) => i),
    );
    await spool.close();
  }
});

test('a document larger than a part is a part alone', () => {
  const { result } = splitPayload(`[{"id":1},{"id":2,"v":"${'z'.repeat(5_000)}"},{"id":3}]`);
  assert.ok(result.kind === 'ok');
  if (result.kind !== 'ok') return;
  const parts = cutParts(result.table, Uint32Array.of(0, 1, 2), 'json', 1_000);
  assert.equal(
    parts.map(({ from, to }) => [from, to]),
    [
      [0, 1],
      [1, 2],
      [2, 3],
    ],
  );
  assert.is(parts[0]?.bodyBytes, 1 + 7 + TAIL_BYTES + 1);
});

test('an upload of 300 MB grows the process by less than 150 MB', () => {
  const program = join(fileURLToPath(import.meta.url), '..', 'upload', 'main.js');
  const { stdout, stderr, status } = spawnSync(process.execPath, [program], { timeout: 60_000 });
  assert.is(status, 0, stderr.toString());
  const { growthBytes, sentBytes } = JSON.parse(stdout.toString()) as Record<string, number>;
  assert.ok((sentBytes as number) > 300_000_000, `sent ${sentBytes}`);
  assert.ok((growthBytes as number) < 150_000_000, `grew by ${growthBytes}`);
}, 70_000);

run();
