/**
 * Embedder templates. A node's default template prints every searchable field of a document, so it would
 * print ours: vectors would differ from a single node's and change with every write. Nodes therefore get
 * a template that leaves internal fields out, from the first settings call on, and the user is shown the
 * default. Templates the user wrote are sent as they are.
 */
import { RESERVED_PREFIX } from '../reserved/index.ts';
import { isObject } from './shape.ts';

const PRINTED =
  '{% if field.is_searchable and field.value != nil %}{{ field.name }}: {{ field.value }}\n{% endif %}';

/** The template a node uses where none is set. */
export const DEFAULT_TEMPLATE = `{% for field in fields %}${PRINTED}{% endfor %}`;

/** The same without internal fields. */
export const NODE_TEMPLATE = `{% for field in fields %}{% unless field.name contains "${RESERVED_PREFIX}" %}${PRINTED}{% endunless %}{% endfor %}`;

/** Sources that render a template. */
const TEMPLATE_SOURCES = new Set(['openAi', 'huggingFace', 'ollama', 'rest']);
const FRAGMENT_KEYS = ['indexingFragments', 'searchFragments'];

/** Embedders of a settings change as nodes get them. */
export function toNodeEmbedders(embedders: unknown): unknown {
  if (!isObject(embedders)) return embedders;
  return mapValues(embedders, (embedder) => (isObject(embedder) ? toNode(embedder) : embedder));
}

/** Embedders of a node's answer as the user sees them. */
export function toClientEmbedders(embedders: unknown): unknown {
  if (!isObject(embedders)) return embedders;
  return mapValues(embedders, (embedder) => (isObject(embedder) ? toClient(embedder) : embedder));
}

function toNode(embedder: Record<string, unknown>): Record<string, unknown> {
  const changed = mapValues(embedder, nested(toNode));
  const source = embedder['source'];
  const usesTemplate =
    typeof source === 'string' &&
    TEMPLATE_SOURCES.has(source) &&
    !FRAGMENT_KEYS.some((key) => isObject(embedder[key]));
  const isReset = embedder['documentTemplate'] === null;
  const isUnset = embedder['documentTemplate'] === undefined;
  return isReset || (usesTemplate && isUnset)
    ? { ...changed, documentTemplate: NODE_TEMPLATE }
    : changed;
}

function toClient(embedder: Record<string, unknown>): Record<string, unknown> {
  const shown = mapValues(embedder, nested(toClient));
  return shown['documentTemplate'] === NODE_TEMPLATE
    ? { ...shown, documentTemplate: DEFAULT_TEMPLATE }
    : shown;
}

/** A composite embedder holds two more. */
function nested(change: (embedder: Record<string, unknown>) => Record<string, unknown>) {
  return (value: unknown, key: string): unknown =>
    isObject(value) && (key === 'searchEmbedder' || key === 'indexingEmbedder')
      ? change(value)
      : value;
}

function mapValues(
  object: Record<string, unknown>,
  change: (value: unknown, key: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, change(value, key)]),
  );
}
