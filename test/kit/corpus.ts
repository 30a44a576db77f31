/** The real data beside the project, as bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { sharedFolder } from './paths.ts';

/** Reason to skip where the data is absent; undefined where it is there. */
export const corpusMissing: string | undefined =
  sharedFolder === undefined ? 'no ../shared folder beside the project' : undefined;

/** Number of documents in packages(). */
export const PACKAGE_COUNT = 63_666;

/** All Debian packages as NDJSON, about 28 MB. */
export function packages(): Buffer {
  return gunzipSync(readFileSync(corpusPath('packages.ndjson.gz')));
}

/** One of the small NDJSON files. */
export function corpusFile(name: 'packages-2k.ndjson' | 'cities.ndjson' | 'tricky.ndjson'): Buffer {
  return readFileSync(corpusPath(name));
}

/** The 300 search queries; blanks belong to them. */
export function queries(): string[] {
  return readFileSync(corpusPath('queries.txt'), 'utf8').replace(/\n$/, '').split('\n');
}

function corpusPath(name: string): string {
  if (sharedFolder === undefined) throw new Error('the corpus is absent');
  return join(sharedFolder, 'corpus', name);
}
