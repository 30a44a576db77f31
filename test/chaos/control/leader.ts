/** Which replica leads, found by asking each past its proxy: only the leader answers about tasks. */
import { credentials, Metadata } from '@grpc/grpc-js';
import { TaskServiceClient } from '../../../proto/gen/miroir/tasks/v1/tasks.ts';

const ASK_MS = 500;

/** Whether the replica that listens there answers as the leader. */
export function leads(address: string): Promise<boolean> {
  const client = new TaskServiceClient(address, credentials.createInsecure());
  return new Promise<boolean>((resolve) => {
    const deadline = new Date(Date.now() + ASK_MS);
    client.getTask({ uid: 0n, allowedIndexes: [] }, new Metadata(), { deadline }, (error) =>
      resolve(error === null),
    );
  }).finally(() => client.close());
}
