/**
 * Goal: calls go to whoever serves at that moment, and one that nobody takes says where the leader is.
 * Method: a real gRPC server whose services are exchanged while clients call.
 */
import { credentials, type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { CLUSTER_SERVICE, type Services, startApi } from '../../../../control/api/index.ts';
import { ClusterServiceClient } from '../../../../proto/gen/miroir/cluster/v1/cluster.ts';
import { WriteServiceClient } from '../../../../proto/gen/miroir/write/v1/write.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('control services');

type Failure = Pick<ServiceError, 'code'> & { readonly metadata: Metadata };

test('what nobody serves is refused with the address of the leader, streams as well', async () => {
  const api = await startApi({
    listen: '127.0.0.1:0',
    leaderAddress: () => 'other:7701',
    hasSeen: () => true,
  });
  const cluster = new ClusterServiceClient(api.address, credentials.createInsecure());
  const writes = new WriteServiceClient(api.address, credentials.createInsecure());
  const confirmed = (): Promise<Failure | number> =>
    new Promise((resolve) => {
      cluster.confirm({ sidecarId: 's', position: undefined }, (error, answer) =>
        resolve(error === null ? answer.leaseMs : (error as Failure)),
      );
    });
  const failures = await Promise.all([
    confirmed(),
    failureOf(cluster.watch({ sidecarId: 's', seen: undefined })),
    failureOf(writes.talk()),
  ]);
  for (const failure of failures) {
    assert.ok(typeof failure === 'object');
    assert.is(failure.code, status.UNAVAILABLE);
    assert.equal(failure.metadata.get('miroir-leader'), ['other:7701']);
  }

  const confirm = (_call: unknown, answer: (error: null, response: object) => void) =>
    answer(null, { leaseMs: 5 });
  const services: Services = new Map([[CLUSTER_SERVICE, { confirm }]]) as never;
  api.serve(services, true);
  assert.is(await confirmed(), 5);
  assert.is(
    (await failureOf(cluster.watch({ sidecarId: 's', seen: undefined }))).code,
    status.UNAVAILABLE,
  );

  api.serve(new Map(), false);
  assert.is((await failureOf(writes.talk())).code, status.UNAVAILABLE);
  assert.is(typeof (await confirmed()), 'object');
  cluster.close();
  writes.close();
  await api.close();
});

function failureOf(stream: NodeJS.EventEmitter): Promise<Failure> {
  return new Promise((resolve) => {
    stream.on('data', () => {});
    stream.on('error', resolve);
  });
}

run();
