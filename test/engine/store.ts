/**
 * One index in memory: its documents, their internal numbers (a new document takes the smallest free
 * one, a replaced one keeps its own), settings and dates. Knows nothing of tasks or HTTP.
 */
import { defaultSettings, type Settings } from './settings.ts';
import type { Json, JsonObject } from './value.ts';

/** Numbers and texts of a field, arrays opened, as they are compared. */
export interface FacetValues {
  readonly numbers: readonly number[];
  /** Normalized texts; booleans are the texts true and false. */
  readonly texts: readonly string[];
  /** Spelling of each text. */
  readonly spellings: readonly string[];
}

/** One stored document. Never changed: an update makes a new one. */
export interface StoredDocument {
  /** Text of the identifier: 5 and "5" are the same document. */
  readonly id: string;
  /** Orders documents that tie. */
  readonly internalId: number;
  readonly fields: JsonObject;
  /** Facet values per field path, filled on first use by filters, sorts and facets. */
  facets: Map<string, FacetValues> | undefined;
}

/** An index. */
export class IndexStore {
  uid: string;
  primaryKey: string | undefined;
  settings: Settings = defaultSettings();
  readonly createdAt: string;
  updatedAt: string;
  /** Grows with every change of documents or settings. */
  version = 0;
  private readonly byId = new Map<string, StoredDocument>();
  private readonly slots: (StoredDocument | undefined)[] = [];
  /** Free internal numbers usable by the present batch, largest first. */
  private free: number[] = [];
  private freedInBatch: number[] = [];
  private readonly fieldOrder = new Map<string, number>();
  private readonly paths = new Set<string>();
  private sorted: readonly StoredDocument[] | undefined;

  constructor(uid: string, primaryKey: string | undefined, now: string) {
    this.uid = uid;
    this.primaryKey = primaryKey;
    this.createdAt = now;
    this.updatedAt = now;
  }

  get documentCount(): number {
    return this.byId.size;
  }

  /** Paths of all fields ever seen, nested ones too. */
  get fieldPaths(): ReadonlySet<string> {
    return this.paths;
  }

  get(id: string): StoredDocument | undefined {
    return this.byId.get(id);
  }

  /** Whether this very version of a document is stored. */
  holds(document: StoredDocument): boolean {
    return this.slots[document.internalId] === document;
  }

  /** All documents by internal number. */
  documents(): readonly StoredDocument[] {
    this.sorted ??= this.slots.filter((slot) => slot !== undefined);
    return this.sorted;
  }

  /** Adds or replaces. */
  put(id: string, fields: JsonObject): StoredDocument {
    const before = this.byId.get(id);
    const internalId = before?.internalId ?? this.free.pop() ?? this.slots.length;
    const document: StoredDocument = {
      id,
      internalId,
      fields: this.inFieldOrder(fields),
      facets: undefined,
    };
    for (const [name, value] of fields) this.notePath(name, value);
    this.slots[internalId] = document;
    this.byId.set(id, document);
    this.touch();
    return document;
  }

  private notePath(path: string, value: Json): void {
    this.paths.add(path);
    if (path === '_vectors') return;
    if (value instanceof Map) {
      for (const [key, member] of value) this.notePath(`${path}.${key}`, member);
    } else if (Array.isArray(value)) {
      for (const entry of value) {
        if (!(entry instanceof Map)) continue;
        for (const [key, member] of entry) this.notePath(`${path}.${key}`, member);
      }
    }
  }

  delete(id: string): boolean {
    const document = this.byId.get(id);
    if (document === undefined) return false;
    this.byId.delete(id);
    this.slots[document.internalId] = undefined;
    this.freedInBatch.push(document.internalId);
    this.touch();
    return true;
  }

  clear(): number {
    const count = this.byId.size;
    this.byId.clear();
    this.slots.length = 0;
    this.free = [];
    this.freedInBatch = [];
    this.touch();
    return count;
  }

  /** Numbers freed by a batch can be taken from the next one on. */
  endBatch(now: string): void {
    if (this.freedInBatch.length > 0) {
      this.free = [...this.free, ...this.freedInBatch].sort((a, b) => b - a);
      this.freedInBatch = [];
    }
    this.updatedAt = now;
  }

  /** How many documents hold each top-level field, by name. */
  fieldDistribution(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const document of this.byId.values()) {
      for (const name of document.fields.keys()) {
        if (name !== '_vectors') counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
    return new Map([...counts].sort(([a], [b]) => compareBytes(a, b)));
  }

  touch(): void {
    this.version += 1;
    this.sorted = undefined;
  }

  private inFieldOrder(fields: JsonObject): JsonObject {
    let last = -1;
    let isOrdered = true;
    for (const name of fields.keys()) {
      let order = this.fieldOrder.get(name);
      if (order === undefined) {
        order = this.fieldOrder.size;
        this.fieldOrder.set(name, order);
      }
      if (order < last) isOrdered = false;
      last = order;
    }
    if (isOrdered) return fields;
    const order = (name: string) => this.fieldOrder.get(name) ?? 0;
    return new Map([...fields].sort(([a], [b]) => order(a) - order(b)));
  }
}

/** Order of texts by their UTF-8 bytes. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    if (isSurrogate(x) !== isSurrogate(y)) return isSurrogate(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
