/** `miroirctl control`: the replicas of control itself. */
import { type Command, Option } from 'commander';
import {
  ReplicaRole,
  ReplicaServiceService,
  type ReplicaStatus,
} from '../../../proto/gen/miroir/admin/v1/replicas.ts';
import type { Cli, Runner } from '../cli.ts';
import { confirm, dryRunOption, yesOption } from '../confirm.ts';
import { EXIT, type ExitCode, UsageError } from '../errors.ts';
import { dataOf, wordOf } from '../output/data.ts';
import { renderTable } from '../output/table.ts';
import { grouped, spanOf } from '../output/words.ts';
import { type Look, showOrWatch, type WatchFlags, watchOptions } from '../watch.ts';
import { planView } from './plan.ts';
import { findingData, findingText, readTopology } from './status.ts';

const FORCE_LOSS =
  'This makes the replica that answers lead with what it has: changes that were acknowledged by others and are not on its disk are lost for good';

interface ActFlags {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly role?: 'learner' | 'witness';
  readonly acceptLoss?: boolean;
  readonly to?: string;
}

/** Adds the commands. */
export function addControl(program: Command, run: Runner): void {
  const control = program.command('control').description('The replicas of control.');
  const members = control
    .command('members', { isDefault: true })
    .description('Every replica and how far it is. Exit code 3 if one is not in sync.');
  for (const option of watchOptions()) members.addOption(option);
  members.action(
    run<WatchFlags>((cli, flags) => showOrWatch(cli, flags, () => lookAtMembers(cli))),
  );
  control
    .command('handover [id]')
    .description('Let another replica lead: that one, or any that is in sync.')
    .option('--to <id>', 'the same as [id]')
    .addOption(dryRunOption())
    .action(run<ActFlags>((cli, flags, [id]) => handOver(cli, id ?? flags.to ?? '', flags)));
  control
    .command('add <id> <address>')
    .description('Add a replica. It is filled first, and counts once it has everything.')
    .addOption(
      new Option('--role <role>', 'what it is to stay (default: it becomes a follower)').choices([
        'learner',
        'witness',
      ]),
    )
    .addOption(dryRunOption())
    .action(run<ActFlags>((cli, flags, args) => addReplica(cli, args, flags)));
  control
    .command('remove <id>')
    .description('Remove a replica.')
    .addOption(dryRunOption())
    .addOption(yesOption())
    .action(run<ActFlags>((cli, flags, [id]) => removeReplica(cli, id ?? '', flags)));
  control
    .command('raise-level [level]')
    .description(
      'Raise the feature level, once every replica runs a program that supports it: to this one, or as far as goes. It never falls.',
    )
    .addOption(dryRunOption())
    .addOption(yesOption())
    .action(run<ActFlags>((cli, flags, [level]) => raiseLevel(cli, level ?? '0', flags)));
  control
    .command('force-leader')
    .description(
      'After the loss of every in-sync replica: let the replica at --control lead with what it has.',
    )
    .option('--accept-loss', 'yes, acknowledged changes may be lost for good')
    .addOption(dryRunOption())
    .addOption(yesOption())
    .action(run<ActFlags>(forceLeader));
}

async function lookAtMembers(cli: Cli): Promise<Look> {
  const answer = await cli.control().call(ReplicaServiceService.listReplicas, {}, 'read');
  const { replicas, epoch, minInSync, engine, featureLevel } = answer;
  // Whether a replica that is not in sync should be is control's to say: one may be there to learn alone.
  const { verdict } = await readTopology(cli, true);
  const findings = (verdict?.findings ?? []).filter(({ code }) => code.startsWith('replica'));
  return {
    code: findings.length === 0 ? EXIT.ok : EXIT.degraded,
    view: {
      data: {
        engine,
        epoch,
        min_in_sync: minInSync,
        feature_level: featureLevel,
        findings: findings.map(findingData),
        replicas: replicas.map((replica) =>
          dataOf(replica, { role: wordOf(ReplicaRole, replica.role) }),
        ),
      },
      text: (style) => {
        const table = renderTable<ReplicaStatus>(
          [
            { header: 'REPLICA', text: ({ id }) => id },
            { header: 'ROLE', text: ({ role }) => wordOf(ReplicaRole, role) },
            {
              header: 'IN-SYNC',
              text: ({ inSync }) => (inSync ? 'yes' : 'no'),
              paint: ({ inSync }, paint) => (inSync ? paint.good : paint.bad),
            },
            {
              header: 'BEHIND-BY',
              text: (replica) => grouped(replica.lagEntryCount),
              isNumber: true,
            },
            { header: 'HEARD', text: heardOf },
            { header: 'ADDRESS', text: ({ address }) => address },
            { header: 'LOG', text: ({ position }) => logOf(position), isWide: true },
            {
              header: 'LEVEL',
              text: ({ featureLevel: level }) => (level === 0 ? '' : String(level)),
              isNumber: true,
              isWide: true,
            },
            { header: 'STORE', text: ({ storeId }) => storeId, isWide: true },
          ],
          replicas,
          style,
        );
        const words = findings.map((finding) => findingText(finding, style.paint, '')).join('');
        const level = featureLevel === 0 ? '' : `, feature level ${featureLevel}`;
        const rule = `engine ${engine}, epoch ${epoch}, at least ${minInSync} in sync to commit${level}\n`;
        return `${words}${words === '' ? '' : '\n'}${table}\n${rule}`;
      },
    },
  };
}

function heardOf({ role, silentMs }: ReplicaStatus): string {
  return role === ReplicaRole.LEADER ? '' : `${spanOf(Number(silentMs))} ago`;
}

function logOf(position: ReplicaStatus['position']): string {
  return position === undefined ? '' : `${position.epoch}/${position.index}`;
}

async function handOver(cli: Cli, toId: string, { dryRun = false }: ActFlags): Promise<ExitCode> {
  const { plan, leaderId } = await cli
    .control()
    .call(ReplicaServiceService.handover, { toId, dryRun }, 'change');
  const data = leaderId === '' ? {} : { leader: leaderId };
  cli.emit(planView(plan, { isDryRun: dryRun, done: `${leaderId} leads now`, data }));
  return EXIT.ok;
}

async function addReplica(
  cli: Cli,
  [id = '', address = '']: readonly string[],
  { dryRun = false, role: word }: ActFlags,
): Promise<ExitCode> {
  const roles = { learner: ReplicaRole.LEARNER, witness: ReplicaRole.WITNESS };
  const role = word === undefined ? ReplicaRole.UNSPECIFIED : roles[word];
  const { plan } = await cli
    .control()
    .call(ReplicaServiceService.addReplica, { id, address, role, dryRun }, 'change');
  const done = `replica ${id} is added; miroirctl control shows how far it is`;
  cli.emit(planView(plan, { isDryRun: dryRun, done }));
  return EXIT.ok;
}

async function removeReplica(cli: Cli, id: string, flags: ActFlags): Promise<ExitCode> {
  const { dryRun = false } = flags;
  if (!dryRun) await confirm(cli, `This removes replica ${id} of control`, flags);
  const { plan } = await cli
    .control()
    .call(ReplicaServiceService.removeReplica, { id, dryRun }, 'change');
  cli.emit(planView(plan, { isDryRun: dryRun, done: `replica ${id} is removed` }));
  return EXIT.ok;
}

async function raiseLevel(cli: Cli, word: string, flags: ActFlags): Promise<ExitCode> {
  const { dryRun = false } = flags;
  if (!/^[0-9]{1,5}$/.test(word)) throw new UsageError(`${word} is no level: give a whole number`);
  const level = Number(word);
  const ask = (isDry: boolean) =>
    cli.control().call(ReplicaServiceService.raiseFeatureLevel, { level, dryRun: isDry }, 'change');
  if (!dryRun) {
    await confirm(cli, 'Programs that do not know the new level cannot be run any more', flags);
  }
  const { plan, featureLevel } = await ask(dryRun);
  const data = { feature_level: featureLevel };
  cli.emit(planView(plan, { isDryRun: dryRun, done: `the level is ${featureLevel}`, data }));
  return EXIT.ok;
}

async function forceLeader(cli: Cli, flags: ActFlags): Promise<ExitCode> {
  const { dryRun = false, acceptLoss = false } = flags;
  if (!acceptLoss && !dryRun) throw new UsageError(`${FORCE_LOSS}: give --accept-loss if so`);
  if (!dryRun) await confirm(cli, FORCE_LOSS, { ...flags, typed: 'lose' });
  const { plan, epoch } = await cli
    .control()
    .callOnly(ReplicaServiceService.forceLeader, { acceptLoss, dryRun });
  const done = `it leads since epoch ${epoch}`;
  cli.emit(planView(plan, { isDryRun: dryRun, done, data: { epoch } }));
  return EXIT.ok;
}
