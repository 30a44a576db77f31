/**
 * Python with gRPC for the example programs, fetched once by pip into the folder .cache, and the code that
 * grpcio-tools makes from the protobuf files. Where that cannot be had the reason is told.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './paths.ts';

const INSTALL_MS = 300_000;
const run = promisify(execFile);

/** Where it is. */
export interface PythonGrpc {
  /** Value of PYTHONPATH. */
  readonly path: string;
}

/** Finds or fetches it. `requirements` is the path of a file from the project's root. */
export async function findPythonGrpc(
  requirements: string,
  generated: string,
): Promise<PythonGrpc | { readonly reason: string }> {
  const wanted = readFileSync(join(projectRoot, requirements), 'utf8').trim();
  const name = wanted.replaceAll(/[^A-Za-z0-9.]+/g, '-');
  const folder = join(projectRoot, '.cache', `python-${name}`);
  try {
    if (!existsSync(folder)) await install(requirements, folder);
    await generate(folder, generated);
    return { path: `${folder}:${generated}` };
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    const line = stderr.trim().split('\n').at(-1) || message;
    return { reason: `gRPC for Python cannot be had: ${line.slice(0, 200)}` };
  }
}

async function install(requirements: string, folder: string): Promise<void> {
  const part = `${folder}.${process.pid}.part`;
  mkdirSync(part, { recursive: true });
  try {
    // biome-ignore format: one option a line says less
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '--no-input',
      '--disable-pip-version-check', '--target', part, '--requirement', requirements],
      { cwd: projectRoot, timeout: INSTALL_MS });
    renameSync(part, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

async function generate(folder: string, into: string): Promise<void> {
  const proto = join(projectRoot, 'proto');
  const files = ['miroir/admin/v1', 'google/rpc'].flatMap((path) =>
    readdirSync(join(proto, path)).map((file) => join(proto, path, file)),
  );
  mkdirSync(into, { recursive: true });
  const args = ['-m', 'grpc_tools.protoc', '-I', proto, `--python_out=${into}`];
  await run('python3', [...args, `--grpc_python_out=${into}`, ...files], {
    env: { ...process.env, PYTHONPATH: folder },
    timeout: INSTALL_MS,
  });
}
