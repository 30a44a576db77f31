/** `miroirctl shards`: every copy of every shard, where it is, how it is, and what it is behind by. */
import type { Command } from 'commander';
import { CopyState } from '../../../proto/gen/miroir/admin/v1/common.ts';
import type { CopyLag, CopyStatus } from '../../../proto/gen/miroir/admin/v1/indexes.ts';
import type { Cli, Runner } from '../cli.ts';
import { EXIT } from '../errors.ts';
import { dataOf, wordOf } from '../output/data.ts';
import type { Paint } from '../output/paint.ts';
import type { Column } from '../output/table.ts';
import { countOf, grouped } from '../output/words.ts';
import { type Look, showOrWatch, type WatchFlags, watchOptions } from '../watch.ts';
import { INDEXES_DEFAULT, readIndex, readIndexes } from './indexes.ts';
import { listView } from './list-view.ts';
import { limitOption, wholeNumber } from './pages.ts';

const SHARD_MAX = 65_535;
const COPIES_DEFAULT = 10_000;

interface ShardFlags extends WatchFlags {
  readonly shard?: readonly number[];
  readonly node?: string;
  readonly notInSync?: boolean;
  readonly docs: boolean;
  readonly limit: number;
}

interface ShardRow {
  readonly index: string;
  readonly shard: number;
  readonly copy: CopyStatus;
}

/** Adds `shards`. */
export function addShards(program: Command, run: Runner): void {
  const shards = program
    .command('shards [index]')
    .summary('Where every copy of every shard is, and how it is.')
    .description(
      'Every copy of every shard: where it is, its state, its documents, what it is behind by. Exit code 3 if one is not in sync.',
    )
    .option('--shard <number>', 'only this shard; may be given again', collectShard)
    .option('--node <id>', 'only copies on this node')
    .option('--not-in-sync', 'only copies that are not in sync')
    .option('--no-docs', 'do not ask the nodes for numbers of documents')
    .addOption(limitOption(COPIES_DEFAULT));
  for (const option of watchOptions()) shards.addOption(option);
  shards.action(
    run<ShardFlags>((cli, flags, [uid]) =>
      showOrWatch(cli, flags, () => lookAtShards(cli, uid, flags)),
    ),
  );
}

async function lookAtShards(cli: Cli, uid: string | undefined, flags: ShardFlags): Promise<Look> {
  const uids =
    uid === undefined
      ? (await readIndexes(cli, '', INDEXES_DEFAULT)).entries.map((index) => index.uid)
      : [uid];
  const rows: ShardRow[] = [];
  for (const indexUid of uids) {
    const shards = [...(flags.shard ?? [])];
    const answer = await readIndex(cli, { indexUid, shards, withDocumentCounts: flags.docs });
    const copies = answer.shards.flatMap(({ shard, copies: all }) =>
      all.map((copy) => ({ index: indexUid, shard, copy })),
    );
    rows.push(...copies.filter((row) => isWanted(row, flags)));
    if (rows.length > flags.limit) break;
  }
  const shown = rows.slice(0, flags.limit);
  if (rows.length > shown.length) cli.note('there are more copies; --limit shows them');
  return {
    view: listView({
      name: 'copies',
      rows: shown,
      columns: SHARD_COLUMNS,
      data: ({ index, shard, copy }) => ({
        index,
        shard,
        ...dataOf(copy, { state: wordOf(CopyState, copy.state) }),
      }),
      none: flags.notInSync === true ? 'every copy is in sync' : 'no shards',
    }),
    code: shown.every(({ copy }) => isGood(copy)) ? EXIT.ok : EXIT.degraded,
  };
}

const SHARD_COLUMNS: readonly Column<ShardRow>[] = [
  { header: 'INDEX', text: ({ index }) => index },
  { header: 'SHARD', text: ({ shard }) => shard, isNumber: true },
  { header: 'NODE', text: ({ copy }) => copy.nodeId },
  { header: 'GROUP', text: ({ copy }) => copy.group, isNumber: true },
  {
    header: 'STATE',
    text: ({ copy }) => wordOf(CopyState, copy.state),
    paint: ({ copy }, paint) => paintOfCopy(copy, paint),
  },
  {
    header: 'DOCS',
    text: ({ copy }) => (copy.documentCount === undefined ? '' : grouped(copy.documentCount)),
    isNumber: true,
  },
  { header: 'BEHIND-BY', text: ({ copy }) => lagText(copy.lag) },
  { header: 'JOB', text: ({ copy }) => copy.jobId, isWide: true },
  { header: 'REASON', text: ({ copy }) => copy.reason },
];

function isWanted({ copy }: ShardRow, flags: ShardFlags): boolean {
  const isOfNode = flags.node === undefined || copy.nodeId === flags.node;
  return isOfNode && (flags.notInSync !== true || !isGood(copy));
}

function isGood({ state }: CopyStatus): boolean {
  return state === CopyState.IN_SYNC || state === CopyState.HELD;
}

function paintOfCopy(copy: CopyStatus, paint: Paint): (text: string) => string {
  return isGood(copy) ? paint.good : paint.warn;
}

/** What a copy may have missed, in words; empty for a copy of which nothing is missing. */
export function lagText(lag: CopyLag | undefined): string {
  if (lag === undefined) return '';
  if (lag.fromSeq === 0n && lag.comparesAll) return 'everything';
  const words = [`up to ${countOf(lag.writeCount, 'write')}`];
  if (lag.rereadCount > 0n)
    words.push(countOf(lag.rereadCount, 'document to reread', 'documents to reread'));
  if (lag.comparesAll) words.push('all ids to compare');
  return words.join(', ');
}

function collectShard(text: string, earlier: readonly number[] | undefined): readonly number[] {
  return [...(earlier ?? []), wholeNumber(0, SHARD_MAX)(text)];
}
