/**
 * Checks of small JSON bodies with a node's texts, for the few routes whose body control gets and no
 * node sees before the task is enqueued. The first field that is wrong, in the order of the body, makes
 * the error; missing fields come last.
 */
import { type ErrorCode, MiroirError } from '../../core/errors.ts';
import { invalidUidText, isIndexUid } from './uid.ts';

/** Where a value stands, as a node prints it: `.uid`, `[0].indexes[1]`; empty for the whole body. */
export type Location = string;

/** Checks one field's value at a place. Throws MiroirError. */
export type FieldCheck = (value: unknown, location: Location) => void;

/** Throws unless the value is an object with known fields only, each of which passes its check. */
export function checkObject(
  value: unknown,
  location: Location,
  fields: Readonly<Record<string, FieldCheck>>,
  unknownField: (name: string, accepted: string) => MiroirError | undefined = () => undefined,
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType('bad_request', 'an object', value, location);
  }
  for (const [name, field] of Object.entries(value)) {
    const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (check !== undefined) {
      check(field, `${location}.${name}`);
      continue;
    }
    const accepted = Object.keys(fields)
      .map((known) => `\`${known}\``)
      .join(', ');
    const inside = location === '' ? '' : ` inside \`${location}\``;
    throw (
      unknownField(name, accepted) ??
      new MiroirError(
        'bad_request',
        `Unknown field \`${name}\`${inside}: expected one of ${accepted}`,
      )
    );
  }
  return value as Record<string, unknown>;
}

/** Throws unless the value is an array. */
export function checkArray(value: unknown, location: Location, code: ErrorCode): unknown[] {
  if (!Array.isArray(value)) throw wrongType(code, 'an array', value, location);
  return value;
}

/** A field that is a string or null. */
export function optionalString(code: ErrorCode): FieldCheck {
  return (value, location) => {
    if (value !== null && typeof value !== 'string') {
      throw wrongType(code, 'a string', value, location);
    }
  };
}

/** A field that is the uid of an index. */
export function uidField(code: ErrorCode): FieldCheck {
  return (value, location) => {
    if (typeof value !== 'string') throw wrongType(code, 'a string', value, location);
    if (!isIndexUid(value)) {
      throw new MiroirError(code, `Invalid value at \`${location}\`: ${invalidUidText(value)}`);
    }
  };
}

/** A field that is true or false. */
export function booleanField(code: ErrorCode): FieldCheck {
  return (value, location) => {
    if (typeof value !== 'boolean') throw wrongType(code, 'a boolean', value, location);
  };
}

/** A node's text for a field that is not there. */
export function missingField(code: ErrorCode, name: string, location: Location): MiroirError {
  const inside = location === '' ? '' : ` inside \`${location}\``;
  return new MiroirError(code, `Missing field \`${name}\`${inside}`);
}

/** A node's text for a value of the wrong kind. */
export function wrongType(
  code: ErrorCode,
  expected: string,
  value: unknown,
  location: Location,
): MiroirError {
  const at = location === '' ? '' : ` at \`${location}\``;
  return new MiroirError(
    code,
    `Invalid value type${at}: expected ${expected}, but found ${describe(value)}`,
  );
}

function describe(value: unknown): string {
  return value === null ? 'null' : `${kindOf(value)}: \`${JSON.stringify(value)}\``;
}

function kindOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'a string';
    case 'boolean':
      return 'a boolean';
    case 'number':
      if (!Number.isInteger(value)) return 'a number';
      return value < 0 ? 'a negative integer' : 'a positive integer';
    default:
      return Array.isArray(value) ? 'an array' : 'an object';
  }
}
