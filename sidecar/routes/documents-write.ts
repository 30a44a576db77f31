/** Hands writes of documents to sidecar/writes with what they need, and nothing more, of the request. */
import type { IndexEntry } from '../../core/topology.ts';
import type { NodeId } from '../../core/types.ts';
import { mayCreateIndex } from '../auth/access.ts';
import type { GatewayReply, GatewayRequest } from '../http/exchange.ts';
import { systemClock, type WriteContext } from '../writes/index.ts';
import type { RouteContext, RouteHandler } from './context.ts';
import { evenFilter } from './known-fields.ts';
import { refuseReservedUid } from './uid.ts';

type WriteHandler = (request: GatewayRequest, context: WriteContext) => Promise<GatewayReply>;

/** A route that is answered by a document write. */
export function documentWrite(handler: WriteHandler): RouteHandler {
  return (context) => {
    const uid = context.params['index_uid'] ?? '';
    refuseReservedUid(uid);
    return handler(context.request, writeContext(context, uid));
  };
}

function writeContext(context: RouteContext, indexUid: string): WriteContext {
  const { services, view, access, params } = context;
  const documentId = params['document_id'];
  return {
    config: services.config,
    route: context.template,
    indexUid,
    ...(documentId === undefined ? {} : { documentId }),
    query: context.query,
    // The newest view, not the request's: spooling a large body takes longer than a change of it.
    findIndex: (uid: IndexEntry['uid']) => (services.view() ?? view).indexes.get(uid),
    nodeIds: [...view.nodes.keys()] as NodeId[],
    writes: services.writes,
    callNode: (nodeId, call, terms) => services.nodes.call(nodeId, call, terms),
    authorization: context.request.headers.get('authorization') ?? '',
    internalKey: view.internalKey,
    evenFilter: async (filter) => {
      const entry = view.indexes.get(indexUid as IndexEntry['uid']);
      return entry === undefined ? filter : evenFilter(context, entry, filter);
    },
    mayCreateIndex: mayCreateIndex(access, indexUid),
    nodeFailed: (nodeId, kind) => services.metrics.node(nodeId).error(kind),
    reportFailed: (outcome) => services.metrics.reportsFailed.inc({ outcome }),
    openReports: services.openReports,
    logger: services.logger,
    clock: systemClock,
  };
}
