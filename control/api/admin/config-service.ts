/** ConfigService: the configuration in force, and a check of one that is to be. */
import { stringify } from 'yaml';
import {
  checkConfigText,
  configDifferences,
  configOptions,
  flattenConfig,
} from '../../../core/config/index.ts';
import type { ConfigServiceServer } from '../../../proto/gen/miroir/admin/v1/config.ts';
import { unary } from './calls.ts';
import { invalidRequest } from './errors.ts';
import type { ServiceParts } from './parts.ts';

const TEXT_MAX = 1024 * 1024;

/** Handlers for the gRPC server. */
export function configHandlers(parts: ServiceParts): Partial<ConfigServiceServer> {
  const { config } = parts;
  return {
    getConfig: unary(parts, () => ({ yaml: stringify(config), options: optionMessages(parts) })),
    checkConfig: unary(parts, ({ yaml }) => {
      if (Buffer.byteLength(yaml) > TEXT_MAX) throw invalidRequest('yaml: longer than 1 MiB.');
      const { problems, config: next } = checkConfigText(yaml);
      const warnings = next === undefined ? [] : nodeWarnings(parts, next.nodes);
      return {
        valid: problems.length === 0,
        problems: [...problems.map((problem) => ({ ...problem, isWarning: false })), ...warnings],
        differences:
          next === undefined
            ? []
            : configDifferences(config, next).map(({ path, current, next: wanted }) => ({
                path,
                currentJson: current,
                newJson: wanted,
              })),
      };
    }),
  };
}

function optionMessages({ config }: ServiceParts) {
  const values = flattenConfig(config);
  return configOptions
    .filter(({ path }) => !path.includes('[]'))
    .map(({ path, env, schema }) => ({
      path,
      valueJson: values.get(path) ?? JSON.stringify(valueAt(config, path)) ?? '',
      defaultJson: schema.default === undefined ? '' : JSON.stringify(schema.default),
      env: env ?? '',
      unit: schema.unit ?? '',
      description: schema.description ?? '',
    }));
}

/** Control refuses to start with other nodes than the cluster has. */
function nodeWarnings({ sources }: ServiceParts, nodes: readonly { readonly id: string }[]) {
  const { cluster } = sources.state;
  const removed = new Set(cluster.removedNodeIds);
  const known = new Map(cluster.nodes.map((node) => [node.id, node]));
  const named = new Set(nodes.map(({ id }) => id));
  const warn = (message: string) => ({
    path: 'nodes',
    message,
    suggestion: '',
    line: 0,
    isWarning: true,
  });
  const isNew = ({ id }: { readonly id: string }) => !known.has(id) && !removed.has(id);
  return [
    ...nodes
      .filter(isNew)
      .map(({ id }) => warn(`this cluster has no node ${id}: add it with AddNode first`)),
    ...nodes
      .filter(({ id }) => removed.has(id) && !known.has(id))
      .map(({ id }) => warn(`node ${id} was removed by a call and is not brought back`)),
    ...[...known.values()]
      .filter((node) => !named.has(node.id) && node.isAddedByCall !== true)
      .map(({ id }) => warn(`node ${id} is missing: remove it with RemoveNode first`)),
  ];
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (current, key) => (current as Record<string, unknown> | undefined)?.[key],
      value,
    );
}
