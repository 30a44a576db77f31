/** The Envoy that the gateway tests run: found, or fetched into the checkout's cache, as `npm start` does. */
import { join } from 'node:path';
import { findEnvoy } from '../../envoy/start/find-envoy.ts';
import { projectRoot } from '../kit/paths.ts';

/** Program and leading arguments that run Envoy with access to `folder`. */
export async function envoyCommand(
  folder: string,
): Promise<{ readonly command: string; readonly prefix: readonly string[] }> {
  const envoy = await findEnvoy({
    env: process.env,
    cacheDir: join(projectRoot, '.cache'),
    onProgress: (line) => console.log(line),
  });
  return { command: envoy.command, prefix: envoy.prefix([folder]) };
}
