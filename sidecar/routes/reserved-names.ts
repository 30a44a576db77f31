/**
 * Requests that name the gateway's own fields. Only naming counts: `_miroir_` inside a query, a value or
 * a quoted value of a filter is text like any other. A request without the prefix in its bytes and
 * without an escape that could stand for part of it, which is nearly every request, costs two searches
 * through them.
 */
import { MiroirError } from '../../core/errors.ts';
import { namesReserved } from '../../core/filter/index.ts';
import { RESERVED_PREFIX } from '../../core/reserved/index.ts';

/** Whether the bytes could name such a field, spelled out or with escapes of JSON or of filters. */
export function mayNameReserved(bytes: Buffer): boolean {
  return bytes.includes(RESERVED_PREFIX) || bytes.includes('\\');
}

/** Throws miroir_reserved_field if a parameter or the filter names one. */
export function refuseReservedNames(body: Readonly<Record<string, unknown>>): void {
  const reserved = namesReserved(body);
  if (reserved !== undefined) throw reservedField(reserved.name);
}

/** The error, naming the field. */
export function reservedField(name: string): MiroirError {
  return new MiroirError(
    'miroir_reserved_field',
    `\`${name}\` begins with \`${RESERVED_PREFIX}\`, which is reserved for the gateway.`,
  );
}
