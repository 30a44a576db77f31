/** The process of its own that examine.ts starts: one line and exit code 1 if anything is wrong. */
import { readThrough } from './read-through.ts';

const [folder = '', ...skimmed] = process.argv.slice(2);
try {
  await readThrough(folder, skimmed);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
