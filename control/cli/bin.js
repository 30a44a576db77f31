#!/usr/bin/env node
/**
 * miroirctl as `npx` in a checkout finds it: runs the built program, or says in one line that there is
 * none yet. Plain JavaScript, as it must run before anything is built.
 */
import { existsSync } from 'node:fs';

const program = new URL('../../dist/control/cli/main.js', import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  process.stderr.write(
    'miroirctl: it is not built yet: run `npm start` (builds, and starts a cluster) or `npm run build`\n',
  );
  process.exitCode = 1;
}
