/**
 * Which documents hold which words. Grows with every new version of a document; what was replaced
 * stays as a dead entry until half of all entries are dead, then everything is built anew.
 */
import { type Settings, textList } from '../settings.ts';
import type { IndexStore, StoredDocument } from '../store.ts';
import { type Json, numberOf, printJson } from '../value.ts';
import { type TokenRules, tokenize } from './tokenize.ts';

/** Stands between words that are not neighbours. */
export const BREAK = 0x7fffffff;

const POSITIONS_MAX = 1000;

/** One version of a document: its words by field. Negative numbers begin a field, see fieldOf. */
export interface Entry {
  readonly document: StoredDocument;
  readonly words: Int32Array;
}

/** The words of an index. */
export class WordIndex {
  readonly entries: Entry[] = [];
  /** Entries that hold a word, by word. */
  readonly postings = new Map<string, number[]>();
  readonly wordIds = new Map<string, number>();
  readonly fields: string[] = [];
  rules: TokenRules = { separators: new Set(), nonSeparators: new Set() };
  stopWords: ReadonlySet<string> = new Set();
  private readonly fieldIds = new Map<string, number>();
  /** Words by their first character. */
  private readonly byInitial = new Map<string, [string, number][]>();
  /** Newest entry of each internal document number. */
  private slotOf: number[] = [];
  private version = -1;
  private shape = '';
  private searchable: readonly string[] = ['*'];

  /** Takes over what changed in the index since the last time. */
  refresh(index: IndexStore): void {
    if (index.version === this.version) return;
    this.version = index.version;
    const shape = shapeOf(index.settings);
    if (shape !== this.shape || this.entries.length > 2 * index.documentCount + 100) {
      this.clear();
      this.shape = shape;
      this.searchable = textList(index.settings, 'searchableAttributes');
      this.rules = {
        separators: new Set(textList(index.settings, 'separatorTokens')),
        nonSeparators: new Set(textList(index.settings, 'nonSeparatorTokens')),
      };
      this.stopWords = new Set(textList(index.settings, 'stopWords').map((w) => w.toLowerCase()));
    }
    for (const document of index.documents()) {
      const slot = this.slotOf[document.internalId];
      if (slot === undefined || this.entries[slot]?.document !== document) this.add(document);
    }
  }

  /** Number of the field that a negative entry word begins. */
  static fieldOf(mark: number): number {
    return -mark - 1;
  }

  /** Place of a field in the list of searchable attributes; 0 for all if the list is `*`. */
  weightOf(field: string): number {
    if (this.searchable.includes('*')) return 0;
    return this.searchable.findIndex((name) => name === field || field.startsWith(`${name}.`));
  }

  get weightCount(): number {
    return this.searchable.includes('*') ? 1 : Math.max(1, this.searchable.length);
  }

  private clear(): void {
    this.entries.length = 0;
    this.postings.clear();
    this.wordIds.clear();
    this.fieldIds.clear();
    this.fields.length = 0;
    this.byInitial.clear();
    this.slotOf = [];
  }

  private add(document: StoredDocument): void {
    const slot = this.entries.length;
    const words: number[] = [];
    const seen = new Set<string>();
    for (const [name, value] of document.fields) {
      if (name !== '_vectors') this.addField(name, value, { words, seen });
    }
    for (const word of seen) {
      const list = this.postings.get(word);
      if (list === undefined) this.postings.set(word, [slot]);
      else list.push(slot);
    }
    this.entries.push({ document, words: Int32Array.from(words) });
    this.slotOf[document.internalId] = slot;
  }

  private addField(path: string, value: Json, into: { words: number[]; seen: Set<string> }): void {
    if (value instanceof Map) {
      for (const [key, member] of value) this.addField(`${path}.${key}`, member, into);
      return;
    }
    if (!this.isSearchable(path) && !hasObjects(value)) return;
    let fieldId = this.fieldIds.get(path);
    if (fieldId === undefined) {
      fieldId = this.fields.length;
      this.fieldIds.set(path, fieldId);
      this.fields.push(path);
    }
    into.words.push(-fieldId - 1);
    this.addText(path, value, into);
  }

  private addText(path: string, value: Json, into: { words: number[]; seen: Set<string> }): void {
    if (Array.isArray(value)) {
      for (const entry of value) {
        if (entry instanceof Map) {
          for (const [key, member] of entry) this.addField(`${path}.${key}`, member, into);
        } else {
          this.addText(path, entry, into);
          into.words.push(BREAK);
        }
      }
      return;
    }
    if (value === null || !this.isSearchable(path)) return;
    const text = typeof value === 'string' ? value : printText(value);
    let count = 0;
    for (const word of tokenize(text, this.rules)) {
      if (count++ >= POSITIONS_MAX) break;
      if (word.isAfterBreak) into.words.push(BREAK);
      if (this.stopWords.has(word.text)) continue;
      let id = this.wordIds.get(word.text);
      if (id === undefined) {
        id = this.wordIds.size;
        this.wordIds.set(word.text, id);
        this.noteInitial(word.text, id);
      }
      into.words.push(id);
      into.seen.add(word.text);
    }
  }

  private noteInitial(word: string, id: number): void {
    const initial = word.charAt(0);
    const list = this.byInitial.get(initial);
    if (list === undefined) this.byInitial.set(initial, [[word, id]]);
    else list.push([word, id]);
  }

  /** All words that begin with a text, with their ids. */
  wordsFrom(prefix: string): (readonly [string, number])[] {
    const list = this.byInitial.get(prefix.charAt(0)) ?? [];
    return prefix.length === 1 ? list : list.filter(([word]) => word.startsWith(prefix));
  }

  /** Entry of a document. */
  slot(document: StoredDocument): number {
    return this.slotOf[document.internalId] ?? 0;
  }

  /** Whether an entry is the newest of a document that is still there. */
  isLive(slot: number, index: IndexStore): boolean {
    const document = this.entries[slot]?.document;
    if (document === undefined || this.slotOf[document.internalId] !== slot) return false;
    return index.holds(document);
  }

  private isSearchable(path: string): boolean {
    return this.weightOf(path) >= 0;
  }
}

function hasObjects(value: Json): boolean {
  return Array.isArray(value) && value.some((entry) => entry instanceof Map);
}

function printText(value: Json): string {
  const number = numberOf(value);
  return number === undefined ? String(value) : printJson(value).replace(/\.0$/, '');
}

function shapeOf(settings: Settings): string {
  return ['searchableAttributes', 'separatorTokens', 'nonSeparatorTokens', 'stopWords']
    .map((name) => printJson(settings.get(name)))
    .join();
}
