/**
 * Writes every file of the repository that is made from code; with --check it changes nothing and
 * fails if a committed file differs. Each generator gives a path from the project's root and its text.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from './kit/paths.ts';

interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

const GENERATORS: readonly (() => GeneratedFile[])[] = [];

const isCheck = process.argv.includes('--check');
const stale: string[] = [];
for (const file of GENERATORS.flatMap((generate) => generate())) {
  const path = join(projectRoot, file.path);
  const current = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  if (current === file.text) continue;
  stale.push(file.path);
  if (isCheck) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, file.text);
}
for (const path of stale)
  console.log(`${isCheck ? 'differs from its source' : 'written'}: ${path}`);
if (isCheck && stale.length > 0) {
  console.log('run: npm run gen');
  process.exit(1);
}
