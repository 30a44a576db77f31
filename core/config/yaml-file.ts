/**
 * The configuration file: YAML 1.2, read with the positions of its keys so that an error can name the
 * line.
 */
import { readFileSync, statSync } from 'node:fs';
import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { ConfigError } from './error.ts';

const FILE_MAX_BYTES = 1024 * 1024;
const ALIAS_COUNT_MAX = 100;

/** A parsed file. */
export interface ConfigFile {
  /** Plain object; empty for an empty file. */
  readonly value: Readonly<Record<string, unknown>>;
  /** `FILE:LINE:COLUMN` of a key, or of its nearest ancestor that is in the file. */
  position(keys: readonly string[]): string;
}

/** Reads a file of at most 1 MiB. Throws ConfigError naming file and line. */
export function readConfigFile(file: string): ConfigFile {
  let text: string;
  try {
    if (statSync(file).size > FILE_MAX_BYTES) throw new Error('larger than 1 MiB');
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError('', `cannot be read: ${(error as Error).message}`, file);
  }
  return parseConfigText(text, file);
}

/** Parses the text of a file; `file` is only its name in errors. Throws ConfigError. */
export function parseConfigText(text: string, file: string): ConfigFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const problem = document.errors[0];
  const positionOf = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (problem !== undefined)
    throw new ConfigError('', `not YAML: ${problem.message}`, positionOf(problem.pos[0]));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIAS_COUNT_MAX }) ?? {};
  } catch (error) {
    throw new ConfigError('', `not YAML: ${(error as Error).message}`, file);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigError('', 'must be a map of sections', file);
  return {
    value: value as Readonly<Record<string, unknown>>,
    position: (keys) => {
      const offset = offsetOf(document, keys);
      return offset === undefined ? file : positionOf(offset);
    },
  };
}

function offsetOf(document: Document, keys: readonly string[]): number | undefined {
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const parentKeys = keys.slice(0, depth - 1).map(asPosition);
    const parent = depth === 1 ? document.contents : document.getIn(parentKeys, true);
    const key = keys[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === key);
      if (isNode(pair?.key)) return pair.key.range?.[0];
    }
    const own: unknown = document.getIn(keys.slice(0, depth).map(asPosition), true);
    if (isNode(own)) return own.range?.[0];
  }
  return undefined;
}

function asPosition(key: string): string | number {
  return /^[0-9]+$/.test(key) ? Number(key) : key;
}
