/** `miroirctl nodes` and `groups`: the Meilisearch nodes, how they are, and changes to the list of them. */
import { type Command, InvalidArgumentError } from 'commander';
import {
  type GroupStatus,
  NodeServiceService,
  type NodeSpec,
  NodeState,
  type NodeStatus,
} from '../../../proto/gen/miroir/admin/v1/nodes.ts';
import type { Cli, Runner } from '../cli.ts';
import { confirm, dryRunOption, yesOption } from '../confirm.ts';
import { EXIT, type ExitCode, UsageError } from '../errors.ts';
import { notInSync, shareInSync } from '../output/copies.ts';
import { dataOf, wordOf } from '../output/data.ts';
import type { Paint } from '../output/paint.ts';
import type { Column } from '../output/table.ts';
import { agoOf } from '../output/times.ts';
import { grouped } from '../output/words.ts';
import { type Look, showOrWatch, type WatchFlags, watchOptions } from '../watch.ts';
import { listView } from './list-view.ts';
import { wholeNumber } from './pages.ts';
import { planView } from './plan.ts';

const GROUP_MAX = 15;
const WEIGHT_MAX = 1_000;

interface AddFlags {
  readonly id?: string;
  readonly group?: number;
  readonly weight?: number;
  readonly dryRun?: boolean;
}

interface UpdateFlags {
  readonly url?: string;
  readonly weight?: number;
  readonly dryRun?: boolean;
}

interface ActFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Adds the commands. */
export function addNodes(program: Command, run: Runner): void {
  const nodes = program
    .command('nodes')
    .description('The Meilisearch nodes: how they are, and changes to the list of them.');
  const list = nodes
    .command('list', { isDefault: true })
    .description(
      'Every node and how it is. Exit code 3 if one is not up or has copies that are not in sync.',
    );
  for (const option of watchOptions()) list.addOption(option);
  list.action(run<WatchFlags>((cli, flags) => showOrWatch(cli, flags, () => lookAtNodes(cli))));
  nodes
    .command('add <url>')
    .description('Register a node. Indexes made from then on may use it.')
    .option('--id <name>', 'stable name (default: host and port of the url)')
    .option('--group <number>', 'replica group (default: 0)', wholeNumber(0, GROUP_MAX))
    .option('--weight <number>', 'share of the documents beside other nodes (default: 1)', weight)
    .addOption(dryRunOption())
    .action(run<AddFlags>((cli, flags, [url]) => addNode(cli, url ?? '', flags)));
  nodes
    .command('update <id>')
    .description('Change the address or the weight of a node.')
    .option('--url <url>', 'the address it answers at from now on')
    .option('--weight <number>', 'its share in indexes that are made from now on', weight)
    .addOption(dryRunOption())
    .action(run<UpdateFlags>((cli, flags, [id]) => updateNode(cli, id ?? '', flags)));
  nodes
    .command('remove <id>')
    .description('Forget a node that owns no copy any more.')
    .addOption(dryRunOption())
    .addOption(yesOption())
    .action(run<ActFlags>((cli, flags, [id]) => removeNode(cli, id ?? '', flags)));
  nodes
    .command('drain <id>')
    .description('Move all copies of a node to others.')
    .addOption(dryRunOption())
    .addOption(yesOption())
    .action(run<ActFlags>((cli, flags, [id]) => drainNode(cli, id ?? '', flags)));
  const groups = program
    .command('groups')
    .summary('The replica groups, and what each covers.')
    .description('The replica groups, and what each covers. Exit code 3 if one lacks something.');
  for (const option of watchOptions()) groups.addOption(option);
  groups.action(run<WatchFlags>((cli, flags) => showOrWatch(cli, flags, () => lookAtGroups(cli))));
}

async function lookAtNodes(cli: Cli): Promise<Look> {
  const { nodes } = await cli.control().call(NodeServiceService.listNodes, {}, 'read');
  const isAllGood = nodes.every(
    ({ state, copies }) => state === NodeState.UP && notInSync(copies) === '',
  );
  return {
    view: listView({
      name: 'nodes',
      rows: nodes,
      columns: nodeColumns(cli.io.wallMs()),
      data: (node) =>
        dataOf(node, {
          state: wordOf(NodeState, node.state),
          node: undefined,
          ...(node.node === undefined ? {} : dataOf(node.node)),
        }),
      none: 'no nodes: register one with `miroirctl nodes add URL`',
    }),
    code: isAllGood ? EXIT.ok : EXIT.degraded,
  };
}

function nodeColumns(nowMs: number): readonly Column<NodeStatus>[] {
  return [
    { header: 'NODE', text: ({ node }) => node?.id },
    { header: 'STATE', text: ({ state }) => wordOf(NodeState, state), paint: paintOfState },
    { header: 'SINCE', text: ({ since }) => agoOf(since, nowMs) },
    { header: 'GROUP', text: ({ node }) => node?.group, isNumber: true },
    { header: 'IN-SYNC', text: ({ copies }) => shareInSync(copies), isNumber: true },
    { header: 'INDEXES', text: ({ indexCount }) => grouped(indexCount), isNumber: true },
    { header: 'URL', text: ({ node }) => node?.url },
    { header: 'WEIGHT', text: ({ node }) => node?.weight, isNumber: true, isWide: true },
    {
      header: 'TASKS',
      text: (node) => grouped(node.pendingTaskCount),
      isNumber: true,
      isWide: true,
    },
    {
      header: 'WRITES',
      text: (node) => grouped(node.openWriteCount),
      isNumber: true,
      isWide: true,
    },
    { header: 'ADOPTED', text: ({ adopted }) => (adopted ? 'yes' : 'no'), isWide: true },
    { header: 'REASON', text: ({ reason, copies }) => reason || notInSync(copies) },
  ];
}

function paintOfState({ state }: NodeStatus, paint: Paint): (text: string) => string {
  if (state === NodeState.UP) return paint.good;
  return state === NodeState.UNKNOWN ? paint.warn : paint.bad;
}

async function lookAtGroups(cli: Cli): Promise<Look> {
  const { groups } = await cli.control().call(NodeServiceService.listGroups, {}, 'read');
  const isWhole = (group: GroupStatus): boolean =>
    group.upNodeCount === group.nodeIds.length && group.coveredShardCount === group.shardCount;
  return {
    view: listView({
      name: 'groups',
      rows: groups,
      columns: [
        { header: 'GROUP', text: ({ group }) => group, isNumber: true },
        {
          header: 'UP',
          text: (group) => `${group.upNodeCount}/${group.nodeIds.length}`,
          isNumber: true,
        },
        {
          header: 'SHARDS',
          text: (group) => `${grouped(group.coveredShardCount)}/${grouped(group.shardCount)}`,
          isNumber: true,
          paint: (group, paint) =>
            group.coveredShardCount === group.shardCount ? paint.good : paint.bad,
        },
        { header: 'IN-SYNC', text: ({ copies }) => shareInSync(copies), isNumber: true },
        { header: 'NODES', text: ({ nodeIds }) => nodeIds.join(',') },
      ],
      data: (group) => dataOf(group),
      none: 'no groups: there are no nodes',
    }),
    code: groups.every(isWhole) ? EXIT.ok : EXIT.degraded,
  };
}

async function addNode(cli: Cli, url: string, flags: AddFlags): Promise<ExitCode> {
  const { id = '', group = 0, weight: share = 0, dryRun = false } = flags;
  const { node, plan } = await cli
    .control()
    .call(
      NodeServiceService.addNode,
      { node: { id, url, group, weight: share }, dryRun },
      'change',
    );
  const done = `node ${node?.id ?? id} is registered; miroirctl nodes shows how it is`;
  cli.emit(planView(plan, { isDryRun: dryRun, done, data: nodeData(node) }));
  return EXIT.ok;
}

async function updateNode(cli: Cli, nodeId: string, flags: UpdateFlags): Promise<ExitCode> {
  const { url, weight: share, dryRun = false } = flags;
  if (url === undefined && share === undefined)
    throw new UsageError('nothing to change: give --url or --weight');
  const request = { nodeId, url, weight: share, dryRun };
  const { node, plan } = await cli.control().call(NodeServiceService.updateNode, request, 'change');
  const done = `node ${nodeId} is changed`;
  cli.emit(planView(plan, { isDryRun: dryRun, done, data: nodeData(node) }));
  return EXIT.ok;
}

async function removeNode(cli: Cli, nodeId: string, flags: ActFlags): Promise<ExitCode> {
  const { dryRun = false } = flags;
  if (!dryRun) await confirm(cli, `This forgets node ${nodeId}`, flags);
  const { plan } = await cli
    .control()
    .call(NodeServiceService.removeNode, { nodeId, dryRun }, 'change');
  cli.emit(planView(plan, { isDryRun: dryRun, done: `node ${nodeId} is forgotten` }));
  return EXIT.ok;
}

async function drainNode(cli: Cli, nodeId: string, flags: ActFlags): Promise<ExitCode> {
  const { dryRun = false } = flags;
  if (!dryRun) await confirm(cli, `This moves all copies of node ${nodeId} to other nodes`, flags);
  const { plan, jobId } = await cli
    .control()
    .call(NodeServiceService.drainNode, { nodeId, dryRun }, 'change');
  const done =
    jobId === '' ? 'nothing to move' : `job ${jobId} began: miroirctl jobs get ${jobId} --watch`;
  const data = jobId === '' ? {} : { job_id: jobId };
  cli.emit(planView(plan, { isDryRun: dryRun, done, data }));
  return EXIT.ok;
}

function nodeData(node: NodeSpec | undefined): Readonly<Record<string, unknown>> {
  return node === undefined ? {} : { node: dataOf(node) };
}

function weight(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= WEIGHT_MAX) return value;
  throw new InvalidArgumentError(`It is a number above 0, at most ${WEIGHT_MAX}.`);
}
