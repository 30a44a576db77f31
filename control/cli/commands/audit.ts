/** `miroirctl audit`: who changed what, when. */
import type { Command } from 'commander';
import { AuditServiceService } from '../../../proto/gen/miroir/admin/v1/audit.ts';
import type { Cli, Runner } from '../cli.ts';
import { EXIT, type ExitCode } from '../errors.ts';
import { dataOf, jsonData } from '../output/data.ts';
import { clockOf } from '../output/times.ts';
import { listView } from './list-view.ts';
import { limitOption, noteLeftOut, readPages } from './pages.ts';

const ENTRIES_DEFAULT = 50;

interface Flags {
  readonly action?: string;
  readonly actor?: string;
  readonly limit: number;
}

/** Adds the command. */
export function addAudit(program: Command, run: Runner): void {
  program
    .command('audit')
    .summary('Who changed what, when.')
    .description('Who changed what, when; the newest first. Times are UTC.')
    .option('--action <name>', 'only calls of this name, such as AddNode')
    .option('--actor <name>', 'only of this caller')
    .addOption(limitOption(ENTRIES_DEFAULT))
    .action(run<Flags>(listEntries));
}

async function listEntries(cli: Cli, { action = '', actor = '', limit }: Flags): Promise<ExitCode> {
  const { entries, total } = await readPages(limit, async (page) => {
    const request = { page, action, actor };
    const answer = await cli.control().call(AuditServiceService.listAuditEntries, request, 'read');
    return { entries: answer.entries, page: answer.page };
  });
  cli.emit(
    listView({
      name: 'entries',
      rows: entries,
      columns: [
        { header: 'NUMBER', text: ({ number }) => String(number), isNumber: true },
        { header: 'AT', text: ({ at }) => clockOf(at) },
        { header: 'ACTOR', text: (entry) => entry.actor },
        { header: 'ACTION', text: (entry) => entry.action },
        { header: 'TARGET', text: ({ target }) => target },
        {
          header: 'OUTCOME',
          text: ({ outcome }) => outcome,
          paint: ({ outcome }, paint) => (outcome === 'ok' ? paint.good : paint.bad),
        },
        { header: 'PEER', text: ({ peer }) => peer, isWide: true },
        { header: 'REQUEST-ID', text: ({ requestId }) => requestId, isWide: true },
        { header: 'REQUEST', text: ({ requestJson }) => requestJson, isWide: true },
      ],
      data: (entry) =>
        dataOf(entry, { request_json: undefined, request: jsonData(entry.requestJson) }),
      none: 'nothing was changed yet',
      more: { total },
    }),
  );
  noteLeftOut(cli, entries.length, total);
  return EXIT.ok;
}
