/** Messages of the API as data for programs: the field names of the .proto files, enums as words. */

/** `IN_SYNC` as `in-sync`; a value this version does not know as `unknown`. */
export function wordOf(names: Readonly<Record<string, number>>, value: number): string {
  const name = Object.keys(names).find((key) => names[key] === value);
  if (name === undefined || name === 'UNRECOGNIZED' || name === 'UNSPECIFIED') return 'unknown';
  return name.toLowerCase().replaceAll('_', '-');
}

/** The words of an enum that may be asked for, in its order. */
export function wordsOf(names: Readonly<Record<string, number>>): string[] {
  return Object.entries(names)
    .filter(([name]) => name !== 'UNRECOGNIZED' && name !== 'UNSPECIFIED')
    .map(([, value]) => wordOf(names, value));
}

/** The value of a word of an enum. */
export function valueOfWord<Value extends number>(
  names: Readonly<Record<string, Value>>,
  word: string,
): Value | undefined {
  return Object.values(names).find((value) => wordOf(names, value) === word && value > 0);
}

/** A message with snake_case keys all the way down; absent fields and empty texts are left out. */
export function snakeData(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeData);
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) =>
      child === undefined || child === '' ? [] : [[snakeOf(key), snakeData(child)]],
    ),
  );
}

/** A message's own fields as data, with some of them told in other words. */
export function dataOf(
  message: object,
  words: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const { $type: _type, ...fields } = message as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries({ ...(snakeData(fields) as object), ...words }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** JSON text inside a message as the value it is; as it stands if it is none. */
export function jsonData(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function snakeOf(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
