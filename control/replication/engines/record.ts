/**
 * The record as text, as it stands in whatever holds it. Fields that are not known here, as a newer program wrote
 * them, are kept, so that a change of another field does not lose them. Whatever else is not as expected is a
 * fault of the record, never an absent one.
 */
import type { EngineMember, EngineRecord } from '../engine.ts';

const ROLES: readonly string[] = ['voter', 'learner', 'witness'] satisfies EngineMember['role'][];

type Plain = Readonly<Record<string, unknown>>;

/** One line of JSON. */
export function encodeRecord(record: EngineRecord): string {
  return JSON.stringify(record);
}

/** The record; a text says what is wrong with it. */
export function decodeRecord(text: string): EngineRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'the record is not JSON';
  }
  if (!isMap(value)) return 'the record is not a map';
  const { isr, members } = value;
  if (!Array.isArray(isr) || !isr.every((item) => areTexts(item, ['id', 'storeId'])))
    return 'the record has no `isr`';
  if (!Array.isArray(members) || !members.every(isMember)) return 'the record has no `members`';
  for (const name of TEXTS) {
    if (typeof value[name] !== 'string') return `the record has no \`${name}\``;
  }
  for (const name of COUNTS) {
    const count = value[name];
    if (!Number.isSafeInteger(count) || (count as number) < 0)
      return `the record has no \`${name}\``;
  }
  for (const name of OPTIONAL_TEXTS) {
    if (name in value && typeof value[name] !== 'string')
      return `the record has a \`${name}\` that is no text`;
  }
  return value as unknown as EngineRecord;
}

const TEXTS = ['clusterId', 'leader', 'leaderAddress', 'nonce'] as const;
const OPTIONAL_TEXTS = ['resigned', 'successor'] as const;
const COUNTS = ['epoch', 'minIsr', 'featureLevel', 'renewNo'] as const;

function isMember(item: unknown): boolean {
  return areTexts(item, ['id', 'address', 'role']) && ROLES.includes((item as EngineMember).role);
}

function areTexts(item: unknown, names: readonly string[]): boolean {
  return isMap(item) && names.every((name) => typeof item[name] === 'string');
}

function isMap(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
