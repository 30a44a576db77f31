/** docs/reference/config.md, made from the schema of the configuration. */
import { configOptions, expectedOf, type SchemaNode } from '../../core/config/index.ts';
import { rootSchema } from '../../core/config/options.ts';

/** The whole page. */
export function configReference(): string {
  const sections = Object.entries(rootSchema.properties ?? {});
  return `${[
    '# Configuration',
    '',
    'Made from `core/config/schema.ts` by `npm run gen`; do not edit.',
    '',
    'One YAML file holds the options of all programs; Helm passes the same object as `config:`. A variable',
    '`MIROIR_<PATH>` wins over the file, a flag over the variable; an empty variable is unset. Unknown keys are',
    'refused. Sizes are bytes, or texts such as `100MB` (decimal) and `64MiB` (binary). Relative paths start',
    'at the folder the program runs in. Secrets are never in the file: it names a file or a variable that holds',
    'them. `MIROIR_NODES` and `MIROIR_CONTROL_ADDRESSES` take a comma-separated list, or the list as JSON.',
    '',
    '```yaml',
    'listen: { host: 0.0.0.0, port: 7700 }',
    'nodes:',
    '  - url: http://10.0.0.3:7700',
    '  - url: http://10.0.0.4:7700',
    '  - url: http://10.0.0.5:7700',
    '```',
    ...sections.flatMap(([name, schema]) => section(name, schema)),
    '',
    '## Rules between options',
    '',
    '- Ids and urls of nodes are unique.',
    '- `nodes[].group` is below `replication.groups`; each group has at least `replication.factor` nodes.',
    '- `writes.min_copies` is at most `replication.factor`.',
    '- No address is twice in `control.addresses`.',
    '- `control.listen` on other than loopback addresses needs `control.tls` or `control.insecure: true`.',
    '- `ca_file`, `cert_file` and `key_file` of `control.tls` go together; elsewhere `cert_file` and `key_file`.',
    '- `control.engine: etcd` needs `control.etcd.endpoints`; `username` and `password_file` go together.',
    '- `listen.port`, the port of `control.listen` and `telemetry.metrics_port` differ.',
  ].join('\n')}\n`;
}

function section(name: string, schema: SchemaNode): string[] {
  const options = configOptions.filter(
    ({ path }) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[]`),
  );
  return [
    '',
    `## ${name}`,
    '',
    schema.description ?? '',
    '',
    '| option | value | default | variable | |',
    '|---|---|---|---|---|',
    ...options.map(({ path, env, schema: option }) =>
      row([
        `\`${path}\``,
        expectedOf(option),
        defaultOf(option),
        env === undefined ? '' : `\`${env}\``,
        option.description ?? '',
      ]),
    ),
  ];
}

function defaultOf(option: SchemaNode): string {
  if (option.default === undefined || option.default === '') return '';
  return `\`${JSON.stringify(option.default).replaceAll('"', '')}\``;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
