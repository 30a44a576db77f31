/** The options of control, which holds the cluster state, and of what its replicas agree in. */
import Type from 'typebox';
import { flag, HOST_PORT, integer, oneOf, SOME_TEXT, section, text, texts } from './schema-kit.ts';
import { clientTlsOptions, tls } from './schema-tls.ts';

const CONTROL_REPLICAS_MAX = 7;
const URL_SHAPE = {
  pattern: '^https?://[^\\s/@?#]+/?$',
  expected: 'a URL such as http://10.0.0.9:2379',
};
/** Of an object or a namespace, as Kubernetes wants them; empty for the default. */
const KUBERNETES_NAME = {
  pattern: '^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$',
  expected: 'a name of lower-case letters, digits, `-` and `.`',
};

const etcd = Type.Object(
  {
    endpoints: texts('Client URLs of the members of the etcd cluster.', URL_SHAPE),
    key: text('/miroir/control', 'Key of the record; another one for each cluster.', SOME_TEXT),
    username: text('', 'User, where etcd asks for one; may read and write the key alone.'),
    password_file: text('', 'File that holds the password of the user; read at each login.'),
    ...clientTlsOptions('etcd'),
  },
  { ...section, description: 'The etcd that replicas agree in.' },
);

const kubernetes = Type.Object(
  {
    namespace: text('', "Namespace of the Lease. Default: the pod's own.", KUBERNETES_NAME),
    lease: text('miroir-control', 'Name of the Lease; another one for each cluster.', {
      ...KUBERNETES_NAME,
      pattern: '^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$',
    }),
  },
  { ...section, description: 'The Kubernetes Lease that replicas agree in.' },
);

/** Section `control`. */
export const control = Type.Object(
  {
    data_dir: text('./miroir-data', 'Folder of the cluster state.', SOME_TEXT),
    listen: text(
      '127.0.0.1:7701',
      'Where control listens for sidecars and miroirctl; port 0 takes a free one.',
      HOST_PORT,
    ),
    address: text(
      '',
      'Where sidecars find control. Default: `control.listen`, or this host if that is every address.',
      { ...HOST_PORT, pattern: `^$|${HOST_PORT.pattern}` },
    ),
    addresses: texts(
      'Where each replica of control is found, by sidecars and by the other replicas. Default: only `control.address`.',
      HOST_PORT,
      CONTROL_REPLICAS_MAX,
    ),
    insecure: flag(
      false,
      'Allows `control.listen` on other than loopback addresses without `control.tls`, so that the connection is not encrypted: only inside a private network.',
    ),
    engine: oneOf(
      ['local', 'etcd', 'kubernetes'],
      'local',
      'In what control replicas agree on their leader: `local` is one replica with its own LMDB.',
    ),
    replica_id: text(
      '',
      'Name of this replica among the others; only for one that was added under another name than its address. Default: `control.address`.',
    ),
    renew_ms: integer(2_000, 'The leader renews its claim so often. Not with `local`.', {
      minimum: 100,
      maximum: 60_000,
      unit: 'ms',
    }),
    expiry_ms: integer(
      6_000,
      'A claim that was not renewed for so long may be taken over; at least three times `control.renew_ms`. Not with `local`.',
      { minimum: 300, maximum: 300_000, unit: 'ms' },
    ),
    min_in_sync: integer(
      0,
      'Replicas that must have a change before it counts; without that many nothing is changed. 0 is 1 for up to two replicas, else 2. Taken from the leader once that many are in-sync.',
      { minimum: 0, maximum: CONTROL_REPLICAS_MAX },
    ),
    etcd,
    kubernetes,
    tls,
  },
  { ...section, description: 'The process that holds the cluster state.' },
);
