/** docs/reference/metrics.md, made from the metrics themselves. */
import { createMetrics } from '../../core/telemetry/index.ts';

/** The parts of a metric that the page tells. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly constructor: { readonly name: string };
}

/** The whole page. */
export function metricsReference(): string {
  const all = createMetrics();
  all.followView(() => undefined);
  const metrics = all.registry.getMetricsAsArray() as unknown as Described[];
  const rows = metrics
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(
      ({ name, help, labelNames, constructor: kind }) =>
        `| \`${name}\` | ${kind.name.toLowerCase()} | ${labelNames.join(', ')} | ${help} |`,
    );
  return `${[
    '# Metrics',
    '',
    'Made from `core/telemetry/metrics.ts` by `npm run gen`; do not edit.',
    '',
    'Served in Prometheus text format on the metrics port (`telemetry.metrics_port`, without a key, for a',
    'private network only) and at `/_miroir/metrics` with the admin token. Workers of one sidecar are added',
    'up; the figures of the Node.js runtime (`process_*`, `nodejs_*`) come on top. Label values are bounded:',
    'path templates never paths, ids of configured nodes, fixed words.',
    '',
    '| metric | kind | labels | |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')}\n`;
}
