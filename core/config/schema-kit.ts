/** What the schema's options are made of: types with their default and meaning, and the shapes of texts. */
import Type from 'typebox';
import { SIZE_PATTERN } from './size.ts';

/** Marks an option that holds a size; its value is converted to bytes when loaded. */
export const SIZE_UNIT = 'bytes';

/** Options of every section: nothing unknown, empty by default. */
export const section = { additionalProperties: false, default: {} };

/** A yes or no. */
export const flag = (value: boolean, description: string) =>
  Type.Boolean({ default: value, description });

/** A rule for texts and what to call what it takes. */
export interface Shape {
  readonly pattern: string;
  readonly expected: string;
}

/** A text. */
export const text = (value: string, description: string, shape?: Shape) =>
  Type.String({ default: value, description, maxLength: 4096, ...shape });

/** A list of texts of one shape. */
export const texts = (description: string, shape: Shape, maxItems = 64) =>
  Type.Array(Type.String({ maxLength: 1024, ...shape }), {
    default: [],
    maxItems,
    description,
  });

/** Bounds of a number. */
export interface IntegerOptions {
  readonly minimum: number;
  readonly maximum: number;
  readonly unit?: string;
}

/** A whole number. */
export const integer = (value: number, description: string, options: IntegerOptions) =>
  Type.Integer({ default: value, description, ...options });

/** A number of bytes, or a text such as `100MB`. */
export const size = (value: string, description: string) =>
  Type.Unsafe<number>({
    anyOf: [
      { type: 'integer', minimum: 1 },
      { type: 'string', pattern: SIZE_PATTERN },
    ],
    default: value,
    unit: SIZE_UNIT,
    description,
  });

/** One of some names. */
export const oneOf = <const Names extends readonly string[]>(
  names: Names,
  value: Names[number],
  description: string,
) => Type.Unsafe<Names[number]>({ type: 'string', enum: [...names], default: value, description });

/** Bounds of a port. */
export const PORT: IntegerOptions = { minimum: 0, maximum: 65_535 };
/** Bounds of a time. */
export const TIMEOUT: IntegerOptions = { minimum: 1, maximum: 3_600_000, unit: 'ms' };
/** HOST:PORT. */
export const HOST_PORT: Shape = {
  pattern: '^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}$',
  expected: 'HOST:PORT',
};
/** An IP address. */
export const IP_ADDRESS: Shape = { pattern: '^[0-9a-fA-F:.]+$', expected: 'an IP address' };
/** A path that leaves room for a socket's name. */
export const SHORT_PATH: Shape = { pattern: '^.{1,80}$', expected: 'a path of 1 to 80 bytes' };
/** Any text but none. */
export const SOME_TEXT: Shape = { pattern: '^.+$', expected: 'a text that is not empty' };
/** A rhythm. */
export const SCHEDULE: Shape = {
  pattern: '^every [1-9][0-9]{0,5}(s|m|h|d)$',
  expected: 'a text such as `every 6h`',
};
/** HOST:PORT of this host alone. */
export const LOOPBACK = '^(127\\.[0-9.]+|localhost|\\[::1\\]):[0-9]+$';
/** Name of an environment variable. */
export const ENV_NAME: Shape = {
  pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
  expected: 'the name of a variable',
};
