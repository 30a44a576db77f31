/**
 * The program miroirctl. Whatever goes wrong is one line on stderr; a stack is shown only for a bug, and
 * only with MIROIR_TEST_STACK set.
 */
import { EXIT } from './errors.ts';
import { processIo } from './io.ts';
import { runCli } from './run.ts';

// stderr is for people: what Node thinks of a library's calls is not for them.
process.noDeprecation = true;
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The second one ends the program at once.
  process.once(signal, () => interrupted.abort());
}
// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});
process.stderr.on('error', () => {});
const code = await runCli(process.argv.slice(2), processIo(interrupted.signal));
// What was written must be out first: a pipe may take its time.
process.stdout.write('', () => process.exit(code));
