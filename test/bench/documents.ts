/**
 * How fast one core splits package documents (grammar checked, primary keys hashed) and splices the
 * internal fields into the bytes that travel. Warm; megabytes are those of the payload.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DocumentSplitter } from '../../core/documents/index.ts';
import { DocumentScanner } from '../../core/json/scan.ts';
import type { NodeId } from '../../core/types.ts';
import { cutParts, partBody } from '../../sidecar/writes/share.ts';
import { Spool } from '../../sidecar/writes/spool.ts';
import { rowsByNode, type TargetTable } from '../../sidecar/writes/targets.ts';
import { sharedFolder } from '../kit/paths.ts';
import { type Benchmark, median } from './figure.ts';

const CHUNK_BYTES = 64 * 1024;
const ROUNDS = 7;
const SHARDS = 256;
const NODES = 3;

let corpus: Buffer | undefined;

/** The packages, uncompressed: one JSON object per line. */
function packages(): Buffer {
  if (sharedFolder === undefined) throw new Error('the corpus is not beside the project');
  corpus ??= gunzipSync(readFileSync(join(sharedFolder, 'corpus', 'packages.ndjson.gz')));
  return corpus;
}

/** Median of some rounds after two to warm up, in megabytes a second. */
async function megabytesPerSecond(round: () => Promise<void> | void): Promise<number> {
  const figures: number[] = [];
  for (let i = 0; i < ROUNDS + 2; i += 1) {
    const startedAt = performance.now();
    await round();
    figures.push(packages().length / 1_000 / (performance.now() - startedAt));
  }
  return Math.round(median(figures.slice(2)));
}

function scanOnly(): void {
  const bytes = packages();
  const padded = scanCopy ?? Buffer.concat([bytes, Buffer.from([0])]);
  scanCopy = padded;
  const scanner = new DocumentScanner(['id']);
  for (let at = 0; at < bytes.length; at += 1) {
    at = scanner.scan(padded, at, bytes.length);
    if (at < 0) throw new Error('the corpus is plain JSON');
  }
}
let scanCopy: Buffer | undefined;

async function splitOnly(): Promise<void> {
  const bytes = packages();
  const splitter = newSplitter(() => {});
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    splitter.push(bytes.subarray(at, at + CHUNK_BYTES));
  }
  splitter.end();
  const result = splitter.finish({
    byteLength: bytes.length,
    read: (offset, target) => bytes.copy(target, 0, offset),
  });
  if (result.kind !== 'ok') throw new Error('the corpus splits');
}

function newSplitter(sink: (bytes: Uint8Array) => void): DocumentSplitter {
  return new DocumentSplitter({
    format: 'ndjson',
    primaryKey: 'id',
    indexUid: 'packages',
    laterReplaces: true,
    checksGeo: false,
    ignoresValues: false,
    sink,
  });
}

/** Spool in memory, split, and make the bytes of all three nodes. */
async function splitAndSplice(): Promise<void> {
  const bytes = packages();
  const spool = new Spool({ folder: '', memoryBytes: bytes.length + 1 });
  const splitter = newSplitter((part) => spool.append(part));
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    splitter.push(bytes.subarray(at, at + CHUNK_BYTES));
    await spool.flush();
  }
  splitter.end();
  await spool.seal();
  const result = splitter.finish(spool);
  if (result.kind !== 'ok') throw new Error('the corpus splits');
  const { table } = result;
  const targets = evenTargets();
  for (const rows of rowsByNode(targets, table.hashLows, table.count)) {
    const source = { spool, table, rows, framing: 'ndjson', seq: 7, shardCount: SHARDS } as const;
    for (const part of cutParts(table, rows, 'ndjson')) {
      for await (const chunk of partBody(source, part)) if (chunk.length === 0) return;
    }
  }
  await spool.close();
}

function evenTargets(): TargetTable {
  const nodeIds = Array.from({ length: NODES }, (_, i) => `n${i}` as NodeId);
  const slots = Uint16Array.from({ length: SHARDS }, (_, shard) => shard % NODES);
  return { nodeIds, shardCount: SHARDS, copiesPerShard: 1, slots };
}

/** The figures of this file. */
export const benchmarks: readonly Benchmark[] = [
  {
    name: 'documents: scan',
    run: async () => ({ value: await megabytesPerSecond(scanOnly), unit: 'MB/s' }),
  },
  {
    name: 'documents: split',
    run: async () => ({ value: await megabytesPerSecond(splitOnly), unit: 'MB/s' }),
  },
  {
    name: 'documents: split and splice',
    run: async () => ({
      value: await megabytesPerSecond(splitAndSplice),
      unit: 'MB/s',
      target: '>= 150',
    }),
  },
];
