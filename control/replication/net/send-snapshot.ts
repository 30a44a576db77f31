/** Refills another replica with a snapshot of this one. Its own channel: the stream of messages goes on beside it. */
import { once } from 'node:events';
import { type ChannelCredentials, Metadata } from '@grpc/grpc-js';
import {
  type Hello,
  type InstallSnapshotRequest,
  ReplicationServiceClient,
} from '../../../proto/gen/miroir/replication/v1/replication.ts';
import { CHANNEL_OPTIONS } from './peer-link.ts';

const SNAPSHOT_MS_MAX = 600_000;

/** What is sent where. */
export interface SnapshotDelivery {
  readonly address: string;
  readonly credentials: ChannelCredentials;
  readonly hello: Hello;
  readonly epoch: number;
  /** The store it is to replace; one that has another by now refuses. */
  readonly storeId: string;
  readonly chunks: AsyncIterable<Buffer>;
  readonly signal: AbortSignal;
}

/** Resolves when the other side has put it in place. Rejects if it did not, or was not known to. */
export async function sendSnapshot(delivery: SnapshotDelivery): Promise<void> {
  const { address, hello, epoch, storeId, signal } = delivery;
  const client = new ReplicationServiceClient(address, delivery.credentials, CHANNEL_OPTIONS);
  const ended = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      const deadline = Date.now() + SNAPSHOT_MS_MAX;
      const call = client.installSnapshot(new Metadata(), { deadline }, (error: Error | null) => {
        ended.abort();
        if (error === null) resolve();
        else reject(error);
      });
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      ended.signal.addEventListener('abort', () => signal.removeEventListener('abort', cancel));
      call.on('error', () => {});
      const write = async (part: InstallSnapshotRequest['part']): Promise<void> => {
        if (!call.write({ part })) await once(call, 'drain', { signal: ended.signal });
      };
      const run = async (): Promise<void> => {
        await write({ $case: 'hello', value: hello });
        await write({ $case: 'epoch', value: BigInt(epoch) });
        await write({ $case: 'storeId', value: storeId });
        for await (const value of delivery.chunks) {
          if (ended.signal.aborted || signal.aborted) return;
          await write({ $case: 'chunk', value });
        }
        call.end();
      };
      run().catch((error: Error) => {
        call.cancel();
        reject(error);
      });
    });
  } finally {
    client.close();
  }
}
