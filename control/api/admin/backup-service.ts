/** BackupService: a snapshot of the state to the caller, and the files that jobs wrote. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type {
  BackupFile,
  BackupServiceServer,
  StreamBackupRequest,
  StreamBackupResponse,
} from '../../../proto/gen/miroir/admin/v1/backup.ts';
import { jobId } from '../../jobs/index.ts';
import type { AuditInput } from '../../state/index.ts';
import { type CallContext, streaming, unary } from './calls.ts';
import type { ServiceParts } from './parts.ts';

const LISTED_MAX = 1_000;

type StreamCall = ServerWritableStream<StreamBackupRequest, StreamBackupResponse>;

/** Handlers for the gRPC server. */
export function backupHandlers(parts: ServiceParts): Partial<BackupServiceServer> {
  return {
    streamBackup: streaming(parts, (call, context) => streamBackup(parts, call, context)),
    listBackups: unary(parts, async () => ({ backups: await listBackups(parts.backupFolder) })),
  };
}

async function streamBackup(
  parts: ServiceParts,
  call: StreamCall,
  context: CallContext,
): Promise<void> {
  const { caller, requestId, signal } = context;
  const audit: AuditInput = {
    actor: caller.name,
    peer: caller.peer,
    action: 'StreamBackup',
    target: '',
    requestJson: '{}',
    requestId,
  };
  const spec = { isStream: true };
  const number = await parts.changes.make({ kind: 'startJob', job: 'backup', spec }, audit);
  const track = parts.trackJob(number ?? 0);
  const stopped = AbortSignal.any([signal, track.signal]);
  try {
    const sent = await sendSnapshot(parts, call, { jobNumber: number ?? 0, stopped, track });
    track.end('succeeded', `${sent} bytes`);
    call.end();
  } catch (error) {
    track.end('failed', signal.aborted ? 'the caller went away' : String(error));
    throw error;
  }
}

async function sendSnapshot(
  parts: ServiceParts,
  call: StreamCall,
  of: {
    readonly jobNumber: number;
    readonly stopped: AbortSignal;
    readonly track: ReturnType<ServiceParts['trackJob']>;
  },
): Promise<number> {
  const { clusterId } = parts.sources.state.cluster;
  const send = async (part: StreamBackupResponse['part']): Promise<void> => {
    of.stopped.throwIfAborted();
    if (!call.write({ part })) await once(call, 'drain', { signal: of.stopped });
  };
  await send({
    $case: 'header',
    value: {
      clusterId,
      position: parts.sources.position(),
      madeAt: new Date(parts.wallMs()).toISOString(),
      jobId: jobId({ kind: 'backup', number: of.jobNumber }),
    },
  });
  const hash = createHash('sha256');
  let byteCount = 0;
  for await (const chunk of parts.store.snapshot({ clusterId })) {
    hash.update(chunk);
    byteCount += chunk.length;
    of.track.report({ done: byteCount, total: 0, unit: 'bytes' });
    await send({ $case: 'chunk', value: chunk });
  }
  const value = { byteCount: BigInt(byteCount), sha256: hash.digest() };
  await send({ $case: 'trailer', value });
  return byteCount;
}

async function listBackups(folder: string): Promise<BackupFile[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const files = await Promise.all(
    names
      .filter((name) => !name.endsWith('.part'))
      .slice(0, LISTED_MAX)
      .map(async (fileName) => {
        const found = await stat(join(folder, fileName)).catch(() => undefined);
        if (found?.isFile() !== true) return undefined;
        const madeAt = found.mtime.toISOString();
        return { fileName, byteCount: BigInt(found.size), madeAt };
      }),
  );
  return files
    .filter((file) => file !== undefined)
    .sort((left, right) => (left.madeAt < right.madeAt ? 1 : -1));
}
