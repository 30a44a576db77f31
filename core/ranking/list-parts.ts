/**
 * Lists longer than a node shows at once. Whatever a search asks for, and a federated one too, its hits end
 * at `pagination.maxTotalHits`. What lies behind is asked for again without what was seen: by versions,
 * which no two documents share. The parts are put together as if a node had shown them as one.
 */
import { assert } from '../assert.ts';
import { composeFilter, notInFilter } from '../filter/compose.ts';
import { MalformedAnswer } from '../json/slice.ts';
import { VERSION_FIELD } from '../reserved/index.ts';
import { SearchAnswer } from './answer.ts';
import { versionOf } from './marks.ts';
import type { JsonObject } from './types.ts';

/** So many parts one list is read in at most. Each names what all before it brought. */
const PARTS_MAX = 250;

/** How many of `most` hits can be had of a node that shows `hitsMax` at once; and what that shows always. */
export function hitsInReach(hitsMax: number, most: number): number {
  return Math.max(hitsMax, Math.min(most, hitsMax * PARTS_MAX));
}

/** One node's answer to one search, part by part. */
export class ListParts {
  readonly #body: JsonObject;
  readonly #hitsMax: number;
  readonly #wanted: number;
  readonly #answers: SearchAnswer[] = [];
  readonly #versions: string[] = [];

  /** `hitsMax`: most hits that the node shows at once; the body must ask for more, and for versions. */
  constructor(body: JsonObject, hitsMax: number) {
    this.#body = body;
    this.#hitsMax = hitsMax;
    this.#wanted = hitsWanted(body);
  }

  /** What is left of the list, as it is to be asked for next; undefined at its end. */
  next(): JsonObject | undefined {
    const last = this.#answers.at(-1);
    if (last === undefined) return this.#body;
    const left = this.#wanted - this.#versions.length;
    const isCut = last.hits.length >= this.#hitsMax;
    if (!isCut || left <= 0 || this.#answers.length >= PARTS_MAX) return undefined;
    // Whatever else an answer brings, the first one brought of the whole.
    const { page: _page, hitsPerPage: _size, facets: _facets, ...list } = this.#body;
    const unseen = notInFilter(VERSION_FIELD, this.#versions);
    return {
      ...list,
      offset: 0,
      limit: Math.min(this.#hitsMax, left),
      filter: composeFilter(list['filter'], unseen),
    };
  }

  /** Takes the answer (status 200) to that. Throws MalformedAnswer if it is none. */
  add(body: Uint8Array): void {
    const answer = new SearchAnswer(body, 0);
    for (const hit of answer.hits) {
      if (hit.versionStart < 0) throw new MalformedAnswer('no version');
      this.#versions.push(versionOf(hit));
    }
    this.#answers.push(answer);
  }

  /** The first answer with the hits of all. */
  whole(): Uint8Array {
    const [first, ...later] = this.#answers;
    assert(first !== undefined, 'a list has a first part');
    const end = first.hits.at(-1)?.end ?? 0;
    const hits = later.flatMap((answer) => {
      const bytes = hitBytes(answer);
      return bytes === undefined ? [] : [COMMA, bytes];
    });
    return Buffer.concat([first.bytes.subarray(0, end), ...hits, first.bytes.subarray(end)]);
  }
}

function hitBytes({ bytes, hits }: SearchAnswer): Buffer | undefined {
  const last = hits.at(-1);
  return last === undefined ? undefined : bytes.subarray(hits[0]?.start, last.end);
}

const COMMA = Buffer.from(',');

/** Hits that a body asks for, from the first one on; 0 if it says none or what a node will refuse. */
export function hitsWanted({ limit, hitsPerPage }: JsonObject): number {
  const count = hitsPerPage ?? limit;
  return typeof count === 'number' ? count : 0;
}
