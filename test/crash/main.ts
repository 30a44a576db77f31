/**
 * Losses of power and bad disks, for the store of control.
 *
 *   npm run crash-images -- --images 500 --seed 1
 *
 * Prints what was done; exit 1 if anything that was acknowledged is gone, or wrong bytes were served.
 */
import { Command } from 'commander';
import { runCrashes } from './run.ts';

const options = new Command('crash-images')
  .option('--images <count>', 'losses of power, and as many spoiled files', '500')
  .option('--writes <count>', 'writes that are recorded', '300')
  .option('--minutes <minutes>', 'no image is made later', '30')
  .option('--seed <seed>', 'a whole number', '1')
  .option('--recorder <name>', 'strace or copies; default: strace where there is one')
  .parse()
  .opts<Record<string, string>>();

const { recorder } = options;
const report = await runCrashes({
  seed: Number(options['seed']),
  imageCount: Number(options['images']),
  writeCount: Number(options['writes']),
  limitMs: Number(options['minutes']) * 60_000,
  ...(recorder === 'strace' || recorder === 'copies' ? { recorder } : {}),
});
console.log(JSON.stringify(report, null, 2));
process.exit(report.violations.length === 0 ? 0 : 1);
