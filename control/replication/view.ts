/**
 * What watchers see, kept up to date from the entries that were applied: clusters and indexes as they are on
 * disk, and nothing else of the state. A replica that does not lead serves Watch from it; as it only knows
 * what was committed, nothing of it is ever taken back.
 */
import type { ViewChange } from '../machine/index.ts';
import { CLUSTER_KEY, decodeIndex, loadCluster, PREFIX } from '../machine/index.ts';
import type { ClusterRecord, IndexRecord } from '../state/index.ts';
import type { Change, Store } from '../store/index.ts';
import { bufferOf } from './entries.ts';

/** The view. */
export class CommittedView {
  readonly #store: Pick<Store, 'get' | 'range'>;
  readonly #indexes = new Map<string, IndexRecord>();
  readonly visible = new Map<string, string>();
  readonly head = new Map<string, string>();
  #cluster: ClusterRecord | undefined;

  constructor(store: Pick<Store, 'get' | 'range'>) {
    this.#store = store;
    this.reload();
  }

  /** Reads what is on disk again. */
  reload(): void {
    for (const names of [this.#indexes, this.visible, this.head]) names.clear();
    this.#cluster = loadCluster(this.#store);
    for (const { value } of this.#store.range(PREFIX.index)) this.#put(decodeIndex(value));
  }

  /** Whether there is anything to see. */
  get isEmpty(): boolean {
    return this.#cluster === undefined;
  }

  /** Not to be asked for while it is empty. */
  get cluster(): ClusterRecord {
    if (this.#cluster === undefined) throw new Error('there is no cluster yet');
    return this.#cluster;
  }

  /** What a reader of `uid` gets: the visible index, else one that is being made. */
  entryOf(uid: string): { readonly index: IndexRecord; readonly isVisible: boolean } | undefined {
    const visibleId = this.visible.get(uid);
    const index = this.#indexes.get(visibleId ?? this.head.get(uid) ?? '');
    return index === undefined ? undefined : { index, isVisible: visibleId !== undefined };
  }

  /** Takes the changes of one entry, which are on disk; what watchers have to be told of it. */
  apply(changes: readonly Change[]): Omit<ViewChange, 'position'> {
    const uids = new Set<string>();
    const isClusterChanged = changes.some(({ key }) => key === CLUSTER_KEY);
    if (isClusterChanged) this.#cluster = loadCluster(this.#store);
    const ofIndexes = changes.filter(({ key }) => key.startsWith(PREFIX.index));
    // All names are free before any is given: two indexes may have exchanged theirs.
    for (const { key } of ofIndexes) this.#remove(key.slice(PREFIX.index.length), uids);
    for (const { value } of ofIndexes) {
      if (value === undefined) continue;
      const index = decodeIndex(bufferOf(value));
      this.#put(index);
      for (const uid of namesOf(index)) uids.add(uid);
    }
    return { uids, isClusterChanged };
  }

  #put(index: IndexRecord): void {
    this.#indexes.set(index.id, index);
    if (index.headUid !== null) this.head.set(index.headUid, index.id);
    if (index.visibleUid !== null) this.visible.set(index.visibleUid, index.id);
  }

  #remove(id: string, uids: Set<string>): void {
    const index = this.#indexes.get(id);
    if (index === undefined) return;
    this.#indexes.delete(id);
    for (const uid of namesOf(index)) {
      uids.add(uid);
      if (this.head.get(uid) === id) this.head.delete(uid);
      if (this.visible.get(uid) === id) this.visible.delete(uid);
    }
  }
}

function namesOf({ headUid, visibleUid }: IndexRecord): string[] {
  return [headUid, visibleUid].filter((uid) => uid !== null);
}
