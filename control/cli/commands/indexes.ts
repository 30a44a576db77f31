/** `miroirctl indexes` and `explain`: what there is, and why it is where it is. */
import type { Command } from 'commander';
import { CopyState } from '../../../proto/gen/miroir/admin/v1/common.ts';
import {
  type GetIndexResponse,
  IndexServiceService,
  type PlacementScore,
} from '../../../proto/gen/miroir/admin/v1/indexes.ts';
import type { IndexSummary } from '../../../proto/gen/miroir/admin/v1/topology.ts';
import type { Cli, Runner } from '../cli.ts';
import { CliError, EXIT, type ExitCode } from '../errors.ts';
import { notInSync, shareInSync } from '../output/copies.ts';
import { dataOf, jsonData, wordOf } from '../output/data.ts';
import type { Paint } from '../output/paint.ts';
import { type Column, renderPairs, renderTable, visible } from '../output/table.ts';
import { agoOf } from '../output/times.ts';
import { countOf, grouped } from '../output/words.ts';
import { listView } from './list-view.ts';
import { limitOption, noteLeftOut, readPages } from './pages.ts';

/** How many indexes are shown unless --limit says otherwise. */
export const INDEXES_DEFAULT = 1_000;

interface ListFlags {
  readonly prefix?: string;
  readonly limit: number;
}

/** Adds `indexes` and `explain`. */
export function addIndexes(program: Command, run: Runner): void {
  const indexes = program.command('indexes').description('The indexes.');
  indexes
    .command('list', { isDefault: true })
    .description('Every index. Exit code 3 if copies are not in sync.')
    .option('--prefix <text>', 'only uids that begin so')
    .addOption(limitOption(INDEXES_DEFAULT))
    .action(run<ListFlags>(listIndexes));
  indexes
    .command('get <index>')
    .description('One index, with its copies per node and its settings.')
    .action(run((cli, _flags, [uid]) => showIndex(cli, uid ?? '')));
  const explain = program.command('explain').description('Why things are where they are.');
  explain
    .command('placement <index> <primary-key>')
    .description('Where a document lives, and how that follows from its primary key.')
    .action(run((cli, _flags, [uid, pk]) => explainPlacement(cli, uid ?? '', pk ?? '')));
}

async function listIndexes(cli: Cli, { prefix = '', limit }: ListFlags): Promise<ExitCode> {
  const { entries, total } = await readIndexes(cli, prefix, limit);
  const nowMs = cli.io.wallMs();
  cli.emit(
    listView({
      name: 'indexes',
      rows: entries,
      columns: [
        { header: 'INDEX', text: ({ uid }) => uid },
        {
          header: 'READABLE',
          text: (index) => `${grouped(index.coveredShardCount)}/${grouped(index.shardCount)}`,
          isNumber: true,
          paint: (index, paint) => (isReadable(index) ? paint.good : paint.bad),
        },
        { header: 'IN-SYNC', text: ({ copies }) => shareInSync(copies), isNumber: true },
        { header: 'PRIMARY-KEY', text: ({ primaryKey }) => primaryKey },
        { header: 'UPDATED', text: ({ updatedAt }) => agoOf(updatedAt, nowMs) },
        { header: 'VISIBLE', text: ({ visible: is }) => (is ? 'yes' : 'no'), isWide: true },
        { header: 'SETTINGS', text: (index) => `v${index.settingsVersion}`, isWide: true },
        { header: 'CREATED', text: ({ createdAt }) => agoOf(createdAt, nowMs), isWide: true },
        { header: 'ID', text: ({ id }) => id, isWide: true },
        { header: 'NOT-IN-SYNC', text: ({ copies }) => notInSync(copies) },
      ],
      data: (index) => dataOf(index),
      none: 'no indexes',
      more: { total },
    }),
  );
  noteLeftOut(cli, entries.length, total);
  const isWhole = entries.every((index) => isReadable(index) && notInSync(index.copies) === '');
  return isWhole ? EXIT.ok : EXIT.degraded;
}

/** Index summaries by uid. */
export async function readIndexes(
  cli: Cli,
  uidPrefix: string,
  limit: number,
): Promise<{ readonly entries: readonly IndexSummary[]; readonly total: bigint }> {
  return readPages(limit, async (page) => {
    const answer = await cli
      .control()
      .call(IndexServiceService.listIndexes, { page, uidPrefix }, 'read');
    return { entries: answer.indexes, page: answer.page };
  });
}

function isReadable(index: IndexSummary): boolean {
  return index.coveredShardCount === index.shardCount;
}

async function showIndex(cli: Cli, indexUid: string): Promise<ExitCode> {
  const answer = await readIndex(cli, { indexUid, shards: [], withDocumentCounts: false });
  const { index } = answer;
  if (index === undefined) throw new CliError(`no index \`${indexUid}\``);
  const nowMs = cli.io.wallMs();
  const nodes = copiesByNode(answer);
  cli.emit({
    data: {
      ...dataOf(index),
      lane_head: answer.laneHead,
      foreign_node_ids: answer.foreignNodeIds,
      settings: jsonData(answer.settingsJson) ?? {},
      copies_by_node: Object.fromEntries(nodes),
    },
    text: ({ paint }) => {
      const bad = notInSync(index.copies);
      const pairs: [string, string][] = [
        ['index', `${index.uid}${index.visible ? '' : ' (not visible yet)'}`],
        ['id', index.id],
        ['primary key', index.primaryKey || 'none yet'],
        ['shards', `${countOf(index.shardCount, 'shard')}, ${index.coveredShardCount} can be read`],
        ['copies', `${shareInSync(index.copies)} in sync${bad === '' ? '' : `, ${bad}`}`],
        ...[...nodes].map(([id, states]): [string, string] => [
          `  ${id}`,
          Object.entries(states)
            .map(([state, count]) => `${count} ${state}`)
            .join(', '),
        ]),
        ['created', agoOf(index.createdAt, nowMs)],
        ['updated', agoOf(index.updatedAt, nowMs)],
        ['settings', `version ${index.settingsVersion} ${answer.settingsJson || '{}'}`],
      ];
      return renderPairs(pairs, paint);
    },
  });
  const isWhole = isReadable(index) && notInSync(index.copies) === '';
  return isWhole ? EXIT.ok : EXIT.degraded;
}

/** One index with its shards. */
export async function readIndex(
  cli: Cli,
  request: { indexUid: string; shards: number[]; withDocumentCounts: boolean },
): Promise<GetIndexResponse> {
  return cli.control().call(IndexServiceService.getIndex, request, 'read');
}

function copiesByNode({ shards }: GetIndexResponse): Map<string, Record<string, number>> {
  const nodes = new Map<string, Record<string, number>>();
  for (const { nodeId, state } of shards.flatMap(({ copies }) => copies)) {
    const states = nodes.get(nodeId) ?? {};
    const word = wordOf(CopyState, state);
    states[word] = (states[word] ?? 0) + 1;
    nodes.set(nodeId, states);
  }
  return nodes;
}

async function explainPlacement(cli: Cli, indexUid: string, primaryKey: string): Promise<ExitCode> {
  const request = { indexUid, primaryKey };
  const answer = await cli.control().call(IndexServiceService.explainPlacement, request, 'read');
  const columns: readonly Column<PlacementScore>[] = [
    { header: 'NODE', text: ({ nodeId }) => nodeId },
    { header: 'GROUP', text: ({ group }) => group, isNumber: true },
    { header: 'OWNER', text: ({ isOwner }) => (isOwner ? 'yes' : 'no'), paint: paintOfOwner },
    { header: 'STATE', text: (score) => (score.isOwner ? wordOf(CopyState, score.copyState) : '') },
    { header: 'RANK', text: ({ rank }) => rank, isNumber: true },
    { header: 'SCORE', text: ({ score }) => score.toFixed(6), isNumber: true },
    { header: 'WEIGHT', text: ({ weight }) => weight, isNumber: true },
  ];
  cli.emit({
    data: dataOf(answer, {
      primary_key: primaryKey,
      scores: answer.scores.map((score) =>
        dataOf(score, {
          copy_state: score.isOwner ? wordOf(CopyState, score.copyState) : undefined,
        }),
      ),
    }),
    text: (style) => {
      const owners = answer.scores.filter(({ isOwner }) => isOwner).map(({ nodeId }) => nodeId);
      const head = renderPairs(
        [
          ['document', `${primaryKey} of ${answer.indexUid}`],
          ['lives on', owners.join(', ') || 'no node'],
          ['shard', `${answer.shard} of ${answer.shardCount}`],
          ['hash', answer.primaryKeyHash],
          ['index id', answer.indexId],
        ],
        style.paint,
      );
      return `${head}\n${renderTable(columns, answer.scores, style)}\n${visible(answer.explanation)}\n`;
    },
  });
  return EXIT.ok;
}

function paintOfOwner({ isOwner }: PlacementScore, paint: Paint): (text: string) => string {
  return isOwner ? paint.good : paint.faint;
}
