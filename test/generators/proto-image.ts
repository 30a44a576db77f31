/**
 * The protobuf contract as it is committed: one line of JSON per file, without comments. A change that breaks
 * who speaks the committed one (another version of a part, a program of a user) is refused: what is there
 * keeps its name, number and type, and what is new gets a new number.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { projectRoot } from '../kit/paths.ts';

/** Where it is committed, from the project's root. */
export const IMAGE_PATH = 'proto/contract.golden.json';

const BUF = join(projectRoot, 'node_modules/.bin/buf');

/** A file of the contract, as buf describes it. */
export interface ProtoFile {
  readonly name: string;
  readonly package: string;
}

/** Describes the files below a folder of `proto`. */
export function describeProtos<File extends ProtoFile>(
  path: string,
  options: { readonly withComments: boolean },
): File[] {
  const folder = mkdtempSync(join(tmpdir(), 'miroir-proto-'));
  const image = join(folder, 'image.json');
  try {
    const plain = options.withComments ? [] : ['--exclude-source-info'];
    execFileSync(BUF, ['build', '--path', path, ...plain, '-o', image], { cwd: projectRoot });
    const { file } = JSON.parse(readFileSync(image, 'utf8')) as { file: File[] };
    return file
      .filter(({ name }) => name.startsWith('miroir/'))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The text of the committed file. */
export function protoImage(): string {
  const files = describeProtos('proto/miroir', { withComments: false });
  return `{"file":[\n${files.map((file) => JSON.stringify(file)).join(',\n')}\n]}\n`;
}

/** What breaks the committed contract, one line each; empty if nothing does. */
export function brokenContract(against = IMAGE_PATH): string[] {
  if (!existsSync(resolve(projectRoot, against))) return [];
  const checked = spawnSync(BUF, ['breaking', '--against', against], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  if (checked.status === 0) return [];
  return `${checked.stdout}${checked.stderr}`.split('\n').filter((line) => line !== '');
}
