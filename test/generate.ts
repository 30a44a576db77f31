/**
 * Writes every file of the repository that is made from code; with --check it changes nothing and
 * fails if a committed file differs. A change of the protobuf files that breaks the committed contract is
 * refused, unless --accept-breaking is given. Each generator gives a path from the project's root and its text.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliReference } from './generators/cli-reference.ts';
import { configReference } from './generators/config-reference.ts';
import { errorsReference } from './generators/errors-reference.ts';
import { grpcReference } from './generators/grpc-reference.ts';
import {
  HELM_SAMPLES,
  helmGolden,
  helmManifests,
  helmSchema,
  helmValues,
} from './generators/helm.ts';
import { metricsReference } from './generators/metrics-reference.ts';
import { brokenContract, IMAGE_PATH, protoImage } from './generators/proto-image.ts';
import { projectRoot } from './kit/paths.ts';

interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

const GENERATORS: readonly (() => GeneratedFile[])[] = [
  () => [{ path: 'docs/reference/errors.md', text: errorsReference() }],
  () => [{ path: 'docs/reference/metrics.md', text: metricsReference() }],
  () => [{ path: 'docs/reference/config.md', text: configReference() }],
  () => [{ path: 'docs/reference/cli.md', text: cliReference() }],
  () => [{ path: 'docs/reference/grpc.md', text: grpcReference() }],
  () => [{ path: IMAGE_PATH, text: protoImage() }],
  () => [
    { path: 'helm/miroir/values.yaml', text: helmValues() },
    { path: 'helm/miroir/values.schema.json', text: helmSchema() },
    ...HELM_SAMPLES.flatMap((sample) => [
      { path: `helm/miroir/ci/${sample}.golden.yaml`, text: helmGolden(sample) },
      { path: `helm/miroir/ci/${sample}.manifests.yaml`, text: helmManifests(sample) },
    ]),
  ],
];

const isCheck = process.argv.includes('--check');
const broken = process.argv.includes('--accept-breaking') ? [] : brokenContract();
if (broken.length > 0) {
  console.log(`breaks the committed contract (${IMAGE_PATH}):`);
  for (const line of broken) console.log(`  ${line}`);
  console.log('of what was never in a release only: npm run gen -- --accept-breaking');
  process.exit(1);
}
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
