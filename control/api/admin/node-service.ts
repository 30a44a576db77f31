/** NodeService: the nodes, and changes of them. A node is looked at before it is registered or moved. */
import { status } from '@grpc/grpc-js';
import type { Plan } from '../../../proto/gen/miroir/admin/v1/common.ts';
import type {
  AddNodeRequest,
  AddNodeResponse,
  DrainNodeRequest,
  DrainNodeResponse,
  NodeServiceServer,
  NodeSpec,
  RemoveNodeRequest,
  RemoveNodeResponse,
  UpdateNodeRequest,
  UpdateNodeResponse,
} from '../../../proto/gen/miroir/admin/v1/nodes.ts';
import { nodeUse, refuseCommand } from '../../admin/index.ts';
import type { AdminCommand, NodeRecord } from '../../state/index.ts';
import { unary } from './calls.ts';
import { changing } from './changes.ts';
import { AdminError, refusalError } from './errors.ts';
import { groupStatuses, nodeStatuses, toNodeSpec } from './node-messages.ts';
import type { ServiceParts } from './parts.ts';

/** Handlers for the gRPC server. */
export function nodeHandlers(parts: ServiceParts): Partial<NodeServiceServer> {
  const { sources, settled } = parts;
  return {
    listNodes: unary(parts, async () => {
      await settled();
      return { nodes: nodeStatuses(sources) };
    }),
    listGroups: unary(parts, async () => {
      await settled();
      return { groups: groupStatuses(sources) };
    }),
    addNode: changing<AddNodeRequest, AddNodeResponse>(parts, {
      action: 'AddNode',
      target: (request) => specOf(request).id,
      plan: async (request, { signal }) => (await planAdd(parts, request, signal)).response,
      run: async (request, { signal }, audit) => {
        const { command, response } = await planAdd(parts, request, signal);
        await parts.changes.make(command, audit);
        return response;
      },
    }),
    updateNode: changing<UpdateNodeRequest, UpdateNodeResponse>(parts, {
      action: 'UpdateNode',
      target: ({ nodeId }) => nodeId,
      plan: async (request, { signal }) => (await planUpdate(parts, request, signal)).response,
      run: async (request, { signal }, audit) => {
        const { command, response } = await planUpdate(parts, request, signal);
        await parts.changes.make(command, audit);
        return response;
      },
    }),
    removeNode: changing<RemoveNodeRequest, RemoveNodeResponse>(parts, {
      action: 'RemoveNode',
      target: ({ nodeId }) => nodeId,
      plan: async ({ nodeId }) => (await planRemove(parts, nodeId)).response,
      run: async ({ nodeId }, _context, audit) => {
        const { command, response } = await planRemove(parts, nodeId);
        await parts.changes.make(command, audit);
        return response;
      },
    }),
    drainNode: changing<DrainNodeRequest, DrainNodeResponse>(parts, {
      action: 'DrainNode',
      target: ({ nodeId }) => nodeId,
      plan: ({ nodeId }) => planDrain(parts, nodeId),
      run: async ({ nodeId }, _context, audit) => {
        const response = await planDrain(parts, nodeId);
        await parts.changes.make({ kind: 'note', outcome: 'ok' }, audit);
        return response;
      },
    }),
  };
}

async function planAdd(
  parts: ServiceParts,
  request: AddNodeRequest,
  signal: AbortSignal,
): Promise<{ readonly command: AdminCommand; readonly response: AddNodeResponse }> {
  await parts.settled();
  const node = specOf(request);
  const command: AdminCommand = { kind: 'addNode', node };
  refuse(parts, command, node.id);
  const look = await parts.lookAtNode(node, signal);
  const warnings: string[] = [];
  if (look.kind === 'refused') throw nodeRefused(node, look.reason);
  if (look.kind === 'unreachable') {
    warnings.push(
      `Nothing answers at ${node.url} (${look.reason}); the node is used once it does.`,
    );
  }
  const steps = [
    `Register node ${node.id} at ${node.url} in group ${node.group} with weight ${node.weight}.`,
    'Check it, mark it as a member, and bring its keys and features in line with the other nodes.',
    'Use it for indexes that are made from then on; indexes that are there keep their owners.',
  ];
  return { command, response: { node, plan: { steps, warnings } } };
}

async function planUpdate(
  parts: ServiceParts,
  request: UpdateNodeRequest,
  signal: AbortSignal,
): Promise<{ readonly command: AdminCommand; readonly response: UpdateNodeResponse }> {
  await parts.settled();
  const url = request.url === undefined ? null : withoutSlash(request.url);
  const weight = request.weight ?? null;
  const { nodeId } = request;
  const command: AdminCommand = { kind: 'updateNode', nodeId, url, weight };
  refuse(parts, command, nodeId);
  const known = nodeOf(parts, nodeId);
  const node = { ...toNodeSpec(known), url: url ?? known.url, weight: weight ?? known.weight };
  const plan: Plan = { steps: [], warnings: [] };
  if (node.url !== known.url) await planMove(parts, { known, node, plan }, signal);
  if (node.weight !== known.weight) {
    plan.steps.push(
      `Give node ${nodeId} the weight ${node.weight} instead of ${known.weight}; it counts for indexes that are made from then on.`,
    );
  }
  if (plan.steps.length === 0) plan.steps.push('Nothing: the node is like that already.');
  return { command, response: { node, plan } };
}

async function planMove(
  parts: ServiceParts,
  of: { readonly known: NodeRecord; readonly node: NodeSpec; readonly plan: Plan },
  signal: AbortSignal,
): Promise<void> {
  const { known, node, plan } = of;
  const look = await parts.lookAtNode(node, signal);
  if (look.kind === 'refused') throw nodeRefused(node, look.reason);
  plan.steps.push(`Reach node ${node.id} at ${node.url} instead of ${known.url}.`);
  if (look.kind === 'unreachable') {
    plan.warnings.push(`Nothing answers at ${node.url} (${look.reason}).`);
  }
  if (look.kind !== 'empty' || !known.isAdopted) return;
  const { ownedUids } = nodeUse(parts.sources.state, node.id);
  if (ownedUids.length === 0) return;
  plan.steps.push(`Fill the ${ownedUids.length} indexes of node ${node.id} from the other copies.`);
  plan.warnings.push(
    `The node at ${node.url} is empty. If a shard has its only in-sync copy on the node at ${known.url}, its documents are lost.`,
  );
}

async function planRemove(
  parts: ServiceParts,
  nodeId: string,
): Promise<{ readonly command: AdminCommand; readonly response: RemoveNodeResponse }> {
  await parts.settled();
  const command: AdminCommand = { kind: 'removeNode', nodeId };
  refuse(parts, command, nodeId);
  const steps = [
    `Forget node ${nodeId}; Meilisearch itself goes on running there and keeps its hidden index \`_miroir_node\`.`,
  ];
  const warnings = nodeOf(parts, nodeId).isAddedByCall
    ? []
    : ['The configuration file names this node: take it out there, too. It is not brought back.'];
  return { command, response: { plan: { steps, warnings } } };
}

async function planDrain(parts: ServiceParts, nodeId: string): Promise<DrainNodeResponse> {
  await parts.settled();
  nodeOf(parts, nodeId);
  const { ownedUids } = nodeUse(parts.sources.state, nodeId);
  if (ownedUids.length > 0) {
    throw refusalError(
      {
        status: 'precondition',
        code: 'miroir_node_in_use',
        message: `Node ${nodeId} owns copies of ${ownedUids.length} indexes, and copies cannot be moved to other nodes yet. To replace the machine, start an empty Meilisearch and give the node its address (update): recovery fills it.`,
      },
      { node: nodeId },
    );
  }
  return { plan: { steps: ['Nothing: the node owns no copy.'], warnings: [] }, jobId: '' };
}

function refuse(parts: ServiceParts, command: AdminCommand, nodeId: string): void {
  const refusal = refuseCommand(parts.sources.state, command);
  if (refusal !== undefined) throw refusalError(refusal, { node: nodeId });
}

function nodeOf({ sources }: ServiceParts, nodeId: string): NodeRecord {
  const node = sources.state.cluster.nodes.find(({ id }) => id === nodeId);
  if (node !== undefined) return node;
  const message = `There is no node ${nodeId}.`;
  throw refusalError(
    { status: 'notFound', code: 'miroir_node_not_found', message },
    { node: nodeId },
  );
}

function nodeRefused({ id, url }: NodeSpec, reason: string): AdminError {
  return new AdminError('miroir_node_refused', reason, {
    status: status.FAILED_PRECONDITION,
    about: { node: id, url },
  });
}

/** The node of a request with what it leaves to defaults. */
function specOf({ node }: AddNodeRequest): NodeSpec {
  const url = withoutSlash(node?.url ?? '');
  const weight = node?.weight ?? 0;
  return {
    id: node?.id || idOf(url),
    url,
    group: node?.group ?? 0,
    weight: weight === 0 ? 1 : weight,
  };
}

function idOf(url: string): string {
  return url
    .replace(/^https?:\/\//, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '');
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
