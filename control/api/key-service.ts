/** KeysService: hands calls of the routes /keys to the key calls of control. */
import { status } from '@grpc/grpc-js';
import type { KeysServiceServer } from '../../proto/gen/miroir/keys/v1/keys.ts';
import type { KeyCall, KeyCallReply } from '../keys/index.ts';

const METHODS: readonly string[] = ['GET', 'POST', 'PATCH', 'DELETE'];

/** Handlers for the gRPC server. */
export function keyHandlers(makeCall: (call: KeyCall) => Promise<KeyCallReply>): KeysServiceServer {
  return {
    call: (call, answer) => {
      const { request } = call;
      if (!METHODS.includes(request.method)) {
        answer({
          code: status.INVALID_ARGUMENT,
          details: 'method must be GET, POST, PATCH or DELETE',
        });
        return;
      }
      makeCall({
        method: request.method as KeyCall['method'],
        uidOrKey: request.uidOrKey,
        query: request.query,
        body: request.body.toString('utf8'),
        authorization: request.authorization,
        contentType: request.contentType,
      }).then(
        (reply) =>
          answer(null, {
            status: reply.status,
            body: Buffer.from(reply.body),
            contentType: reply.body === '' ? '' : 'application/json',
          }),
        () => answer({ code: status.UNAVAILABLE, details: 'the nodes could not be asked' }),
      );
    },
  } as KeysServiceServer;
}
