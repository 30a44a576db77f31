/**
 * Every option of every program, once: its type, default, unit and meaning. The TypeBox object IS the
 * JSON Schema, so the file check, the environment table, the Helm chart's `config:` block, its
 * values.schema.json and docs/reference/config.md all come from here and cannot drift apart.
 *
 * Keys keep their wire spelling (snake_case). Sizes are given as a number of bytes or a text such as
 * `100MB`; once loaded they are always numbers.
 */
import Type from 'typebox';
import { control } from './schema-control.ts';
import {
  ENV_NAME,
  flag,
  IP_ADDRESS,
  integer,
  LOOPBACK,
  oneOf,
  PORT,
  SCHEDULE,
  SHORT_PATH,
  section,
  size,
  TIMEOUT,
  text,
} from './schema-kit.ts';
import { nodeTls } from './schema-tls.ts';

const listen = Type.Object(
  {
    host: text(
      '127.0.0.1',
      'IP address on which Envoy takes client requests; 0.0.0.0 for all.',
      IP_ADDRESS,
    ),
    port: integer(7700, 'Port on which Envoy takes client requests; 0 takes a free one.', PORT),
    max_body: size(
      '100MB',
      'Largest request body, counted after decompression. A node has its own limit of 100 MB for what one node receives; writes are cut below it.',
    ),
    socket_dir: text(
      '/tmp/miroir',
      'Folder of the unix sockets between Envoy and the sidecar. Must be short: a socket path has at most 107 bytes.',
      SHORT_PATH,
    ),
    workers: integer(
      0,
      'Sidecar worker processes; 0 is one less than the cores, at least 2 and at most 8.',
      { minimum: 0, maximum: 64 },
    ),
  },
  { ...section, description: 'How clients reach the gateway.' },
);

const node = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$',
        expected: 'a name of lower-case letters, digits, `.`, `_`, `-`',
        description:
          'Stable name of the node; documents are placed by it. Default: host and port of the url.',
      }),
    ),
    url: Type.String({
      pattern: '^https?://[^\\s/@?#]+/?$',
      expected: 'a URL such as http://10.0.0.3:7700',
      maxLength: 1024,
      description: 'Address of the Meilisearch node, without a path.',
    }),
    group: integer(0, 'Replica group the node belongs to, from 0.', { minimum: 0, maximum: 15 }),
    weight: Type.Number({
      default: 1,
      exclusiveMinimum: 0,
      maximum: 1000,
      description: 'Share of the documents relative to the other nodes of the group.',
    }),
  },
  { additionalProperties: false },
);

const nodes = Type.Array(node, {
  default: [],
  maxItems: 1024,
  description: 'The Meilisearch nodes. All of them must have the same master key.',
});

const replication = Type.Object(
  {
    factor: integer(1, 'Copies of each shard inside one group (RF).', { minimum: 1, maximum: 16 }),
    groups: integer(1, 'Replica groups, each with a full copy of every index (RG).', {
      minimum: 1,
      maximum: 16,
    }),
  },
  { ...section, description: 'How many copies are kept.' },
);

const sharding = Type.Object(
  {
    shards: Type.Unsafe<number>({
      type: 'integer',
      enum: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
      default: 256,
      description: 'Shards of a new index, a power of two; fixed when the index is created.',
    }),
    spread: Type.Unsafe<'auto' | 'all' | number>({
      anyOf: [
        { type: 'string', enum: ['auto', 'all'] },
        { type: 'integer', minimum: 1, maximum: 1024 },
      ],
      default: 'auto',
      description:
        'Into how many node-sized pieces a group cuts a new index: a number, `all`, or `auto` (at present the same as `all`). 1 keeps an index on one node: exact answers, no fan-out.',
    }),
  },
  { ...section, description: 'How an index is cut.' },
);

const writes = Type.Object(
  {
    min_copies: integer(1, 'In-sync copies of a shard below which a write is refused.', {
      minimum: 1,
      maximum: 16,
    }),
    quorum: oneOf(
      ['in_sync', 'fixed'],
      'in_sync',
      'Acknowledgements a shard needs: a majority of its copies that are in sync, or of all its copies (`fixed`: floor(RF/2)+1).',
    ),
    copy_timeout_ms: integer(
      2000,
      'How long a slow copy may hold back the answer, to which 1000 ms per MB are added.',
      TIMEOUT,
    ),
    spool_dir: text(
      '',
      "Folder for bodies too large for memory. Default: the system's folder for temporary files.",
    ),
    spool_memory: size('16MiB', 'Bytes of one body a worker holds before it goes on to disk.'),
  },
  { ...section, description: 'How documents are written.' },
);

const reads = Type.Object(
  {
    on_missing_shards: oneOf(
      ['partial', 'error'],
      'partial',
      'What a search answers when a shard has no copy in sync: the rest, marked as partial, or an error 503.',
    ),
    timeout_ms: integer(30_000, 'Longest a search or another read may take.', TIMEOUT),
  },
  { ...section, description: 'How documents are read.' },
);

const antiEntropy = Type.Object(
  {
    enabled: flag(true, 'Whether copies are compared in the background.'),
    schedule: text('every 6h', 'When a pass starts.', SCHEDULE),
    shards_per_pass: integer(0, 'Shards compared in one pass; 0 is all.', {
      minimum: 0,
      maximum: 4096,
    }),
    max_read_concurrency: integer(2, 'Reads at a time on one node.', { minimum: 1, maximum: 64 }),
    fingerprint_batch_size: integer(1000, 'Documents read at once.', {
      minimum: 1,
      maximum: 100_000,
    }),
    auto_repair: flag(true, 'Whether differences are repaired, or only counted.'),
  },
  { ...section, description: 'Comparing and repairing copies.' },
);

const moves = Type.Object(
  {
    max_concurrent_copies: integer(2, 'Copies filled at a time.', { minimum: 1, maximum: 64 }),
    grace_ms: integer(600_000, 'How long a lost node may be away before it is replaced.', {
      minimum: 0,
      maximum: 604_800_000,
      unit: 'ms',
    }),
  },
  { ...section, description: 'Moving shards between nodes.' },
);

const auth = Type.Object(
  {
    master_key_file: text('', 'File that holds the master key; wins over the variable.'),
    master_key_env: text(
      'MIROIR_MASTER_KEY',
      'Name of the environment variable that holds the master key.',
      ENV_NAME,
    ),
    admin_token_file: text('', 'File that holds the admin token; wins over the variable.'),
    admin_token_env: text(
      'MIROIR_ADMIN_TOKEN',
      'Name of the environment variable that holds the admin token.',
      ENV_NAME,
    ),
  },
  { ...section, description: 'Secrets, by reference only; read again at each use.' },
);

const telemetry = Type.Object(
  {
    log_level: oneOf(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'info',
      'Lowest level that is logged.',
    ),
    metrics_host: text(
      '127.0.0.1',
      'IP address of the metrics listener. It asks for no key: loopback or a private network only.',
      IP_ADDRESS,
    ),
    metrics_port: integer(0, 'Port of the metrics listener; 0 takes a free one.', PORT),
  },
  { ...section, description: 'Logs and metrics.' },
);

/** The whole configuration. */
export const configSchema = Type.Object(
  {
    listen,
    nodes,
    node_tls: nodeTls,
    replication,
    sharding,
    writes,
    reads,
    anti_entropy: antiEntropy,
    moves,
    control,
    auth,
    telemetry,
  },
  {
    additionalProperties: false,
    description: 'Configuration of Miroir',
    // The only rules between options that JSON Schema can say; the others are in rules.ts.
    allOf: [
      {
        if: {
          required: ['control'],
          properties: {
            control: {
              required: ['listen'],
              properties: { listen: { not: { pattern: LOOPBACK } } },
            },
          },
        },
        // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
        then: {
          properties: {
            control: {
              anyOf: [
                { properties: { insecure: { const: true } } },
                {
                  required: ['tls'],
                  properties: {
                    tls: { required: ['cert_file'], properties: { cert_file: { minLength: 1 } } },
                  },
                },
              ],
            },
          },
        },
      },
    ],
  },
);

type Resolved<Item> = Omit<Item, 'nodes'> & {
  readonly nodes: readonly Required<Type.Static<typeof node>>[];
};

/** A loaded configuration: checked, every default filled in, sizes in bytes. */
export type MiroirConfig = Resolved<Type.Static<typeof configSchema>>;
