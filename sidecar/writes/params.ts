/** Query parameters and content types of the document routes, refused in a node's own words. */

import type { PayloadFormat } from '../../core/documents/index.ts';
import { MiroirError } from '../../core/errors.ts';
import { parseQuery, type Query } from '../routes/query.ts';

/** Parameters of POST and PUT documents. */
export interface AdditionParams {
  readonly primaryKey: string | undefined;
  /** ASCII code. */
  readonly csvDelimiter: number | undefined;
  readonly customMetadata: string | undefined;
  readonly skipCreation: boolean;
}

const ADDITION_NAMES = ['primaryKey', 'csvDelimiter', 'customMetadata', 'skipCreation'] as const;
const METADATA_NAMES = ['customMetadata'] as const;

/** Reads the parameters of POST and PUT documents. Throws as a node does. */
export function readAdditionParams(text: string): AdditionParams {
  const query = parseQuery(text);
  let csvDelimiter: number | undefined;
  let skipCreation = false;
  for (const [name, value] of query) {
    refuseUnknown(name, ADDITION_NAMES);
    if (name === 'csvDelimiter') csvDelimiter = readDelimiter(value);
    if (name === 'skipCreation') skipCreation = readFlag(value);
  }
  return {
    primaryKey: query.get('primaryKey'),
    csvDelimiter,
    customMetadata: query.get('customMetadata'),
    skipCreation,
  };
}

/** Reads the one parameter of all other document writes. Throws as a node does. */
export function readCustomMetadata(text: string): string | undefined {
  const query: Query = parseQuery(text);
  for (const name of query.keys()) refuseUnknown(name, METADATA_NAMES);
  return query.get('customMetadata');
}

function refuseUnknown(name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const accepted = known.map((one) => `\`${one}\``).join(', ');
  throw new MiroirError(
    'bad_request',
    `Unknown parameter \`${name}\`: expected one of ${accepted}`,
  );
}

function readDelimiter(value: string): number {
  const letters = [...value];
  const refuse = (message: string): MiroirError =>
    new MiroirError('invalid_document_csv_delimiter', message);
  const wrong =
    'Invalid value in parameter `csvDelimiter`: expected a string of one character, but found';
  if (letters.length === 0) throw refuse(`${wrong} an empty string`);
  if (letters.length > 1) {
    throw refuse(`${wrong} the following string of ${letters.length} characters: \`${value}\``);
  }
  const code = value.codePointAt(0) ?? 0;
  if (code > 0x7f) {
    throw refuse(`csv delimiter must be an ascii character. Found: \`${value}\``);
  }
  return code;
}

function readFlag(value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new MiroirError(
    'invalid_skip_creation',
    `skipCreation must be either \`true\` or \`false\`. Found: \`${value}\``,
  );
}

const ACCEPTED =
  'Accepted values for the Content-Type header are: `application/json`, `application/x-ndjson`, `text/csv`';
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** type/subtype, a suffix after `+` (which a node does not look at), then parameters. */
const MEDIA_TYPE = new RegExp(
  `^(${TOKEN})/([^+;\\s]+)(?:\\+${TOKEN})?\\s*(?:;\\s*(?:${TOKEN}=(?:${TOKEN}|"[^"]*")\\s*)?)*$`,
);
const FORMATS: Readonly<Record<string, PayloadFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
};

/** Format of a payload. Throws as a node does; a delimiter goes with CSV only. */
export function readFormat(
  contentType: string | undefined,
  csvDelimiter: number | undefined,
): PayloadFormat {
  if (contentType === undefined) {
    throw new MiroirError('missing_content_type', `A Content-Type header is missing. ${ACCEPTED}`);
  }
  const match = MEDIA_TYPE.exec(contentType);
  const essence = match === null ? contentType : `${match[1]}/${match[2]}`.toLowerCase();
  const format = match !== null && Object.hasOwn(FORMATS, essence) ? FORMATS[essence] : undefined;
  if (format === undefined) {
    throw new MiroirError(
      'invalid_content_type',
      `The Content-Type \`${essence}\` is invalid. ${ACCEPTED}`,
    );
  }
  if (format !== 'csv' && csvDelimiter !== undefined) {
    throw new MiroirError(
      'invalid_content_type',
      `The Content-Type \`${essence}\` does not support the use of a csv delimiter. The csv delimiter can only be used with the Content-Type \`text/csv\`.`,
    );
  }
  return format;
}
