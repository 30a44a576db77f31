/**
 * Keeps secrets out of log lines, at every level and whatever the caller passes: fields are judged by
 * their name, and the finished line once more by its text, which also covers messages and error stacks.
 */

const REDACTED = '[redacted]';
const DEPTH_MAX = 6;
const SECRET_LENGTH_MIN = 4;
const SECRET_NAMES =
  '(?:proxy-)?authorization|(?:x-meili-)?api[-_]?key|(?:api|master|admin|internal|bearer)_?(?:key|token)|key|token|secret|password|cookie';
const SECRET_FIELD = new RegExp(`^(?:${SECRET_NAMES})$`, 'i');
const SECRET_TEXT = new RegExp(`"(${SECRET_NAMES})":"(?:[^"\\\\]|\\\\.)*"`, 'gi');
/** The same inside a JSON text that is itself a string of the line. */
const QUOTED_SECRET_TEXT = new RegExp(`\\\\"(${SECRET_NAMES})\\\\": ?\\\\"[^"\\\\]*\\\\"`, 'gi');
const BEARER = /\b(bearer)\s+[^\s"'\\,]+/gi;

/** A copy of `fields` in which the values of secret fields are replaced, down to six levels. */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return redactLevel(fields, 0) as Record<string, unknown>;
}

function redactLevel(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error || depth >= DEPTH_MAX) return depth >= DEPTH_MAX ? '[deep]' : value;
  if (value instanceof Map) return redactLevel(Object.fromEntries(value), depth);
  if (Array.isArray(value)) return value.map((item) => redactLevel(item, depth + 1));
  const kept: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value))
    kept[name] = SECRET_FIELD.test(name) ? REDACTED : redactLevel(child, depth + 1);
  return kept;
}

/**
 * Replaces, in a finished line, secret fields that came past redactFields (the bindings of a child
 * logger, JSON inside a text), bearer tokens, and the given secrets of at least 4 characters.
 */
export function redactLine(line: string, secrets: readonly string[]): string {
  let clean = line
    .replace(SECRET_TEXT, `"$1":"${REDACTED}"`)
    .replace(QUOTED_SECRET_TEXT, `\\"$1\\":\\"${REDACTED}\\"`)
    .replace(BEARER, `$1 ${REDACTED}`);
  for (const secret of secrets)
    if (secret.length >= SECRET_LENGTH_MIN) clean = clean.replaceAll(secret, REDACTED);
  return clean;
}
