/**
 * Runs the recorded merge cases, or a file of tests, with one change to the merge code.
 *
 *   node main.js '{"file":…,"find":…,"replace":…}' recorded FOLDER
 *   node main.js '{…}' test FILE
 *
 * Recorded cases end with the first that fails, which is printed as `caught …`; none: `survived`.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Patch } from '../../../kit/patch-hook.ts';

const [patchText = '', kind, where = ''] = process.argv.slice(2);
register('../../../kit/patch-hook.js', import.meta.url, { data: JSON.parse(patchText) as Patch });
if (kind === 'recorded') console.log(await firstFailure(where));
else await import(pathToFileURL(where).href);

async function firstFailure(folder: string): Promise<string> {
  const { checkCase } = await import('../../../merge/check.ts');
  const { parseFixture } = await import('../../../merge/fixture.ts');
  const size = (name: string) => statSync(join(folder, name)).size;
  const names = readdirSync(folder).filter((name) => /\.json(\.gz)?$/.test(name));
  // Small files first: most changes show in any of them.
  for (const name of names.sort((left, right) => size(left) - size(right))) {
    const bytes = readFileSync(join(folder, name));
    const fixture = parseFixture(name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
    for (const one of fixture.cases) {
      const reason = checkCase(fixture, one);
      if (reason !== undefined) return `caught by ${fixture.name} ${one.n}: ${reason}`;
    }
  }
  return 'survived';
}
