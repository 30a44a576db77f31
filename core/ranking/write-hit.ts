/**
 * Writes one hit as the client may see it: runs of bytes are copied, internal fields and what was added
 * for the merge are left out, score details are cleaned.
 */

import { type ByteWriter, isText, Members } from '../json/slice.ts';
import { RESERVED_PREFIX } from '../reserved/index.ts';
import { RULE_SORT, RULE_VECTOR, RULE_VERSION, type Rule } from './details.ts';
import type { Hit } from './hits.ts';
import type { Projection } from './projection.ts';
import {
  chooseMember,
  isContainer,
  isCovered,
  type MemberChoice,
  writeSelected,
} from './select.ts';

const UNDERSCORE = 0x5f;
const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Copies members of one object, joining neighbours into one run. */
class MemberRuns {
  readonly #writer: ByteWriter;
  readonly #bytes: Uint8Array;
  #runStart = -1;
  #runEnd = -1;
  #isFirst = true;

  constructor(writer: ByteWriter, bytes: Uint8Array) {
    this.#writer = writer;
    this.#bytes = bytes;
  }

  keep(members: Members): void {
    if (this.#runStart < 0) this.#runStart = members.nameStart - 1;
    this.#runEnd = members.valueEnd;
  }

  /** To be called for a member that is left out: ends the run before it. */
  flush(): void {
    if (this.#runStart < 0) return;
    this.#separate();
    this.#writer.copy(this.#bytes, this.#runStart, this.#runEnd);
    this.#runStart = -1;
  }

  /** Writes a member's name; the caller writes the value. */
  startRewritten(members: Members): void {
    this.flush();
    this.#separate();
    this.#writer.copy(this.#bytes, members.nameStart - 1, members.valueStart);
  }

  #separate(): void {
    if (!this.#isFirst) this.#writer.byte(COMMA);
    this.#isFirst = false;
  }
}

const shared = new Members(Buffer.from('{}'), 0);

/** Writes the hit. */
export function writeHit(writer: ByteWriter, hit: Hit, projection: Projection): void {
  const { bytes } = hit;
  const members = shared;
  members.reset(bytes, hit.start);
  const runs = new MemberRuns(writer, bytes);
  writer.byte(OPEN_BRACE);
  while (members.next()) {
    const choice =
      bytes[members.nameStart] === UNDERSCORE
        ? chooseSpecial(members, projection)
        : chooseField(members, projection.fields);
    if (choice === 'keep') {
      runs.keep(members);
    } else if (choice === 'drop') {
      runs.flush();
    } else if (choice === 'positions') {
      runs.startRewritten(members);
      writePositions(writer, bytes, members.valueStart, projection.displayed ?? []);
    } else if (choice === 'details') {
      runs.startRewritten(members);
      writeDetails(writer, hit, projection);
    } else if (choice === 'formatted') {
      writeFormatted(writer, members, runs, projection.formattedFields);
    } else {
      runs.startRewritten(members);
      writeNested(writer, members, projection.fields ?? []);
    }
  }
  runs.flush();
  writer.byte(CLOSE_BRACE);
}

/** `_formatted` is left out where nothing of it remains. */
function writeFormatted(
  writer: ByteWriter,
  members: Members,
  runs: MemberRuns,
  fields: readonly string[] | undefined,
): void {
  const { bytes, valueStart } = members;
  const inner = new Members(bytes, valueStart);
  let isEmpty = true;
  while (isEmpty && inner.next()) {
    isEmpty = inner.hasPrefix(RESERVED_PREFIX) || chooseFormatted(inner, fields) === 'drop';
  }
  if (isEmpty) {
    runs.flush();
    return;
  }
  runs.startRewritten(members);
  writeFields(writer, bytes, valueStart, { fields, keepsVectors: false, isStrict: true });
}

function writeNested(
  writer: ByteWriter,
  members: Members,
  selectors: readonly string[],
  isStrict = false,
): void {
  const { bytes, valueStart } = members;
  writeSelected(writer, bytes, valueStart, { path: members.name(), selectors, isStrict });
}

/** In `_formatted` a name with dots selects only what it leads to. */
function chooseFormatted(members: Members, fields: readonly string[] | undefined): MemberChoice {
  const choice = chooseField(members, fields);
  if (choice !== 'walk' || isContainer(members.bytes, members.valueStart)) return choice;
  return fields?.includes(members.name()) === true ? 'keep' : 'drop';
}

function chooseField(members: Members, fields: readonly string[] | undefined): MemberChoice {
  if (fields === undefined) return 'keep';
  return chooseMember(members.name(), fields);
}

type SpecialChoice = MemberChoice | 'positions' | 'details' | 'formatted';

function chooseSpecial(members: Members, projection: Projection): SpecialChoice {
  if (members.hasPrefix(RESERVED_PREFIX)) return 'drop';
  if (members.isNamed('_rankingScore')) return projection.keepsScore ? 'keep' : 'drop';
  if (members.isNamed('_rankingScoreDetails')) return projection.keepsDetails ? 'details' : 'drop';
  if (members.isNamed('_formatted')) return 'formatted';
  if (members.isNamed('_matchesPosition')) {
    return projection.displayed === undefined ? 'keep' : 'positions';
  }
  if (members.isNamed('_geoDistance')) return projection.keepsGeoDistance ? 'keep' : 'drop';
  if (members.isNamed('_vectors') && projection.keepsVectors) return 'keep';
  if (projection.keepsFederation === false && members.isNamed('_federation')) return 'drop';
  return chooseField(members, projection.fields);
}

/** Fields of a document to show; undefined: all. `_vectors` stays if it was asked for by itself. */
export interface FieldChoice {
  readonly fields: readonly string[] | undefined;
  readonly keepsVectors: boolean;
  /** As in `_formatted`. */
  readonly isStrict?: boolean;
}

/** Writes the document at `at` with these fields, without internal ones. */
export function writeFields(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  wanted: FieldChoice,
): void {
  const { fields, isStrict = false } = wanted;
  const choose = isStrict ? chooseFormatted : chooseField;
  const members = new Members(bytes, at);
  const runs = new MemberRuns(writer, bytes);
  writer.byte(OPEN_BRACE);
  while (members.next()) {
    let choice: MemberChoice = isNodesOwn(members) ? 'drop' : choose(members, fields);
    if (wanted.keepsVectors && members.isNamed('_vectors')) choice = 'keep';
    if (choice === 'keep') {
      runs.keep(members);
    } else if (choice === 'drop') {
      runs.flush();
    } else {
      runs.startRewritten(members);
      writeNested(writer, members, fields ?? [], isStrict);
    }
  }
  runs.flush();
  writer.byte(CLOSE_BRACE);
}

const FEDERATION_HEAD = '{"weightedScoreValues":';

/** Internal fields, and what a node adds to a list that was asked by another node's protocol. */
function isNodesOwn(members: Members): boolean {
  if (members.hasPrefix(RESERVED_PREFIX)) return true;
  if (!members.isNamed('_federation')) return false;
  const end = members.valueStart + FEDERATION_HEAD.length;
  return isText(members.bytes, members.valueStart, end, FEDERATION_HEAD);
}

/** `_matchesPosition` has one member per field path. */
function writePositions(
  writer: ByteWriter,
  bytes: Uint8Array,
  at: number,
  displayed: readonly string[],
): void {
  const members = new Members(bytes, at);
  const runs = new MemberRuns(writer, bytes);
  writer.byte(OPEN_BRACE);
  while (members.next()) {
    if (isCovered(members.name(), displayed)) runs.keep(members);
    else runs.flush();
  }
  runs.flush();
  writer.byte(CLOSE_BRACE);
}

/**
 * Score details without our version rule. A sort rule on a field that is not displayed shows as
 * `<hidden-rule-N>`; geo rules show the first point of the bucket that the merge rebuilt.
 */
function writeDetails(writer: ByteWriter, hit: Hit, projection: Projection): void {
  const { displayed, isBySimilarity } = projection;
  writer.byte(OPEN_BRACE);
  let isFirst = true;
  for (const [place, rule] of hit.rules.entries()) {
    if (rule.kind === RULE_VERSION) continue;
    if (isBySimilarity === true) {
      if (rule.kind === RULE_VECTOR) writeSimilarity(writer, hit, rule);
      continue;
    }
    if (!isFirst) writer.byte(COMMA);
    isFirst = false;
    const leader = hit.geoLeaders?.[place];
    if (isHiddenSort(rule, hit.bytes, displayed)) {
      writer.text(`"<hidden-rule-${rule.order}>":{"order":${rule.order},"value":"<hidden>"}`);
      continue;
    }
    writer.byte(QUOTE);
    writer.copy(hit.bytes, rule.nameStart, rule.nameEnd);
    writer.byte(QUOTE);
    writer.byte(COLON);
    const shown = leader?.rules[place] ?? rule;
    writer.copy(leader?.bytes ?? hit.bytes, shown.valueStart, shown.valueEnd);
  }
  writer.byte(CLOSE_BRACE);
}

/** The one rule of a search for similar documents is its first. */
function writeSimilarity(writer: ByteWriter, hit: Hit, rule: Rule): void {
  const value = hit.bytes.toString('utf8', rule.valueStart, rule.valueEnd);
  writer.text(`"vectorSort":${value.replace(/"order":\d+/, '"order":0')}`);
}

function isHiddenSort(
  rule: Rule,
  bytes: Buffer,
  displayed: readonly string[] | undefined,
): boolean {
  if (displayed === undefined || rule.kind !== RULE_SORT) return false;
  const name = bytes.toString('utf8', rule.nameStart, rule.nameEnd);
  return !displayed.includes(name.slice(0, name.lastIndexOf(':')));
}
