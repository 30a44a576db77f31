/**
 * Reads the whole tree and holds it to the rules of the house: import boundaries, single owners of
 * libraries, file size, documented exports, nothing left behind. It also asserts that it saw the
 * files it expects, so that an empty walk cannot pass.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import * as assert from 'uvu/assert';
import { ERRORS } from '../core/errors.ts';
import { projectRoot } from './kit/paths.ts';
import { suite } from './kit/suite.ts';

const LINES_MAX = 400;
const PURE = ['json', 'placement', 'ranking', 'filter', 'reserved', 'documents', 'settings'].map(
  (name) => `core/${name}/`,
);

/** Folder -> what its files may import inside the project. The longest matching folder decides. */
const MAY_IMPORT: readonly (readonly [folder: string, allowed: readonly string[]])[] = [
  ...PURE.map((folder) => [folder, ['core/']] as const),
  ['core/', ['core/']],
  ['sidecar/', ['sidecar/', 'core/', 'proto/gen/']],
  // miroirctl restores offline, with the store's own function.
  ['control/cli/', ['control/cli/', 'control/store/index.ts', 'core/', 'proto/gen/']],
  ['control/', ['control/', 'core/', 'proto/gen/']],
  ['envoy/', ['envoy/', 'core/']],
  ['test/', ['test/', 'core/', 'sidecar/', 'control/', 'envoy/', 'proto/gen/']],
];

/** Library -> the only folders that may import it (tests are free). */
const OWNERS: readonly (readonly [library: string, folders: readonly string[]])[] = [
  ['lmdb', ['control/store/']],
  ['undici', ['core/meilisearch/']],
  [
    '@grpc/',
    [
      'sidecar/extproc/',
      'sidecar/cluster/',
      'control/api/',
      'control/replication/',
      'control/cli/',
      'core/tls/',
    ],
  ],
  ['grpc-health-check', ['sidecar/extproc/', 'control/api/']],
  ['pino', ['core/telemetry/']],
  ['prom-client', ['core/telemetry/']],
  ['@node-rs/xxhash', ['core/placement/']],
];

/** Text that must not be in production code -> what to use instead. */
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(TODO|FIXME|XXX)\b/, 'finish it or write it down in docs'],
  [/\.only\(/, 'run all tests'],
  [/\/work\/|registry\.npmjs|files\.pythonhosted/, 'name no workplace path or registry host'],
];

/** Banned in the pure parts of core only. */
const BANNED_PURE: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.env\b/, 'take it as a parameter'],
  [/\bsetTimeout\(|\bsetInterval\(/, 'time is an effect'],
];

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const tidy = suite('tidy');
const files = readTree();
/** Tests, and programs that show how the API is used, are free in what they import. */
const sources = files.filter((file) => !/^(test|docs)\//.test(file.path));

tidy.test('the walk sees the files it expects', () => {
  const paths = new Set(files.map((file) => file.path));
  for (const path of ['core/errors.ts', 'sidecar/http/exchange.ts', 'test/tidy.test.ts']) {
    assert.ok(paths.has(path), `${path} not seen`);
  }
  assert.ok(files.length > 20, `only ${files.length} files seen`);
});

tidy.test(`no file is longer than ${LINES_MAX} lines`, () => {
  none(
    files.filter((file) => file.text.split('\n').length > LINES_MAX + 1).map((file) => file.path),
  );
});

tidy.test('imports stay inside their boundaries', () => {
  none(
    files.flatMap((file) =>
      projectImports(file)
        .filter((path) => !mayImport(file.path, path))
        .map((path) => `${file.path} imports ${path}`),
    ),
  );
});

tidy.test('pure parts import pure parts only', () => {
  const isPure = (path: string) =>
    PURE.some((folder) => path.startsWith(folder)) || /^core\/[a-z-]+\.ts$/.test(path);
  none(
    sources
      .filter((file) => PURE.some((folder) => file.path.startsWith(folder)))
      .flatMap((file) =>
        projectImports(file)
          .filter((path) => !isPure(path))
          .map((path) => `${file.path} imports ${path}`),
      ),
  );
});

tidy.test('each library has its single owner', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    for (const library of libraryImports(file)) {
      const owner = OWNERS.find(([name]) => library === name || library.startsWith(name));
      if (owner !== undefined && !owner[1].some((folder) => file.path.startsWith(folder))) {
        wrong.push(`${file.path} imports ${library}`);
      }
    }
  }
  none(wrong);
});

tidy.test('exports are documented', () => {
  none(sources.flatMap(undocumentedExports));
});

tidy.test('modules say what they are', () => {
  none(
    sources
      .filter((file) => !/^(#!.*\n)?\/\*\*/.test(file.text))
      .map((file) => `${file.path} has no head comment`),
  );
});

tidy.test('nothing is left behind', () => {
  const wrong: string[] = [];
  for (const file of files) {
    if (file.path === 'test/tidy.test.ts') continue;
    const rules = PURE.some((folder) => file.path.startsWith(folder))
      ? [...BANNED, ...BANNED_PURE]
      : BANNED;
    for (const [pattern, instead] of rules) {
      if (pattern.test(file.text)) wrong.push(`${file.path}: ${pattern} -> ${instead}`);
    }
  }
  none(wrong);
});

tidy.test('every error code is documented', () => {
  const page = readFileSync(join(projectRoot, 'docs/reference/errors.md'), 'utf8');
  none(Object.keys(ERRORS).filter((code) => !page.includes(`\`${code}\``)));
});

tidy.test('links between the documents lead somewhere', () => {
  const wrong: string[] = [];
  for (const path of tracked('*.md')) {
    const text = readFileSync(join(projectRoot, path), 'utf8');
    for (const [, target] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (target === undefined || /^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(projectRoot, dirname(path), target))) wrong.push(`${path} -> ${target}`);
    }
  }
  none(wrong);
});

tidy.test('the lockfile carries no download addresses', () => {
  assert.not.match(
    readFileSync(join(projectRoot, 'package-lock.json'), 'utf8'),
    '"resolved": "http',
  );
});

tidy.run();

function none(problems: readonly string[]): void {
  assert.is(problems.length, 0, `\n${problems.join('\n')}`);
}

function tracked(pattern: string): string[] {
  return execFileSync('git', ['ls-files', '-co', '--exclude-standard', pattern], {
    cwd: projectRoot,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(projectRoot, path)));
}

function readTree(): SourceFile[] {
  return tracked('*.ts')
    .filter((path) => !path.startsWith('proto/gen/'))
    .map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') }));
}

function importsOf(file: SourceFile): string[] {
  return [...file.text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
}

function projectImports(file: SourceFile): string[] {
  return importsOf(file)
    .filter((path) => path.startsWith('.'))
    .map((path) => normalize(join(dirname(file.path), path)));
}

function libraryImports(file: SourceFile): string[] {
  return importsOf(file).filter((path) => !path.startsWith('.') && !path.startsWith('node:'));
}

function mayImport(from: string, to: string): boolean {
  const rule = MAY_IMPORT.filter(([folder]) => from.startsWith(folder)).sort(
    (a, b) => b[0].length - a[0].length,
  )[0];
  return rule?.[1].some((folder) => to.startsWith(folder)) ?? false;
}

function undocumentedExports(file: SourceFile): string[] {
  const lines = file.text.split('\n');
  return lines.flatMap((line, at) => {
    if (!/^export (async )?(function|class|interface|type|const|abstract class) /.test(line))
      return [];
    const above = lines[at - 1] ?? '';
    const isDocumented = above.trim().endsWith('*/');
    const isReExport = /^export type [{*]/.test(line);
    const isTypeOf = /^export type \w+ = \(typeof|^export type \w+ = keyof/.test(line);
    return isDocumented || isTypeOf || isReExport ? [] : [`${file.path}:${at + 1}: ${line}`];
  });
}
