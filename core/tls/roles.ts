/**
 * Who a certificate says its holder is, and what such a one may ask control for. A certificate names its holder
 * by a URI, `miroir://CLUSTER/ROLE`; host names in it are of no use, since addresses come and go and the
 * authority signs for this purpose alone.
 */

/** What a part of Miroir is. */
export type Role = 'control' | 'sidecar' | 'cli';

const ROLES: readonly Role[] = ['control', 'sidecar', 'cli'];

/** Method path begins with -> who may call it. What is not here is for people: `cli`, and replicas that ask for them. */
const MAY_CALL: readonly (readonly [prefix: string, roles: readonly Role[]])[] = [
  ['/grpc.health.v1.', ROLES],
  ['/miroir.replication.', ['control']],
  ['/miroir.cluster.', ROLES],
  ['/miroir.tasks.', ROLES],
  ['/miroir.keys.', ['sidecar', 'control']],
  ['/miroir.write.', ['sidecar', 'control']],
];

const FOR_PEOPLE: readonly Role[] = ['cli', 'control'];

/** The roles that may call a method, given its path `/package.Service/Method`. */
export function rolesFor(path: string): readonly Role[] {
  return MAY_CALL.find(([prefix]) => path.startsWith(prefix))?.[1] ?? FOR_PEOPLE;
}

/** The cluster that a certificate's first name of a part of Miroir is in. */
export function clusterIn(names: string | undefined): string | undefined {
  const parts = urisIn(names ?? '').map((uri) => PART.exec(uri));
  return parts.find((part) => part !== null)?.[1];
}

const PART = /^miroir:\/\/([a-z0-9.-]{1,63})\/(?:control|sidecar|cli)$/;

/**
 * The roles that a certificate gives its holder in a cluster. `names` is the text that Node makes of the
 * alternative names: `DNS:a, URI:b`, where a name with a comma or the like is put in quotes, as JSON.
 */
export function rolesIn(names: string | undefined, cluster: string): Role[] {
  const uris = urisIn(names ?? '');
  return ROLES.filter((role) => uris.includes(`miroir://${cluster}/${role}`));
}

const NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/y;

function urisIn(names: string): string[] {
  const uris: string[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < names.length) {
    const [, kind, name] = NAME.exec(names) ?? [];
    // Text that cannot be read names nobody.
    if (kind === undefined || name === undefined) return [];
    if (kind === 'URI') uris.push(name);
  }
  return uris;
}
