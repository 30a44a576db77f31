/** Where things lie, found from the running file so that any build folder works. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout: the nearest folder above this file that holds package.json. */
export const projectRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Root of the build this process runs from (dist, or another --outDir). */
export const buildRoot: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The folder of shared material beside the project, or undefined if it is absent. */
export const sharedFolder: string | undefined = existsSync(join(projectRoot, '..', 'shared'))
  ? join(projectRoot, '..', 'shared')
  : undefined;

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('package.json not found above the tests');
  return findRoot(parent);
}
