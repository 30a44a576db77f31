/**
 * `npm run bench [name...] [--json]`: every figure is a ratio or a difference taken in one run, so it
 * travels between machines. Prints a table; never fails because of a figure.
 */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Benchmark, type Figure, meets } from './figure.ts';

const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const isJson = process.argv.includes('--json');
const folder = dirname(fileURLToPath(import.meta.url));
const rows: { name: string; figure: Figure }[] = [];

for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.js'))
  .sort()) {
  if (['main.js', 'figure.js', 'raw-lmdb.js'].includes(file)) continue;
  const loaded = (await import(pathToFileURL(join(folder, file)).href)) as {
    benchmarks?: readonly Benchmark[];
    /** Ends what the file's benchmarks share. */
    finish?: () => Promise<void>;
  };
  try {
    for (const benchmark of loaded.benchmarks ?? []) {
      if (names.length > 0 && !names.some((name) => benchmark.name.includes(name))) continue;
      const figure = await benchmark.run();
      rows.push({ name: benchmark.name, figure });
      if (!isJson) console.log(line(benchmark.name, figure));
    }
  } finally {
    await loaded.finish?.();
  }
}

if (isJson)
  console.log(JSON.stringify({ node: process.version, cores: cpus().length, rows }, null, 2));
if (rows.length === 0) {
  console.log('no benchmark of that name');
  process.exit(1);
}
process.exit(0);

function line(name: string, figure: Figure): string {
  const verdict = meets(figure);
  const shown = verdict === undefined ? '' : verdict ? 'met' : 'MISSED';
  return [
    `| ${name}`,
    `${figure.value.toFixed(2)} ${figure.unit}`,
    figure.target ?? '-',
    shown,
    `${figure.note ?? ''} |`,
  ].join(' | ');
}
