/**
 * k-way merge of lists that are each in order: always takes the best of the lists' heads. Never a global
 * sort: a node's own order inside a tie holds, and page follows page.
 */

/** Yields the items of several ordered lists in one order. */
export class HeadMerge<Item> {
  readonly #lists: readonly (readonly Item[])[];
  readonly #compare: (left: Item, right: Item) => number;
  /** Next place in each list. */
  readonly #places: number[];
  /** Lists that are not exhausted, the one with the best head first. */
  readonly #order: number[] = [];

  constructor(lists: readonly (readonly Item[])[], compare: (left: Item, right: Item) => number) {
    this.#lists = lists;
    this.#compare = compare;
    this.#places = lists.map(() => 0);
    for (let list = 0; list < lists.length; list += 1) this.#enter(list);
  }

  /** The next item, or undefined at the end. */
  next(): Item | undefined {
    const list = this.#order.shift();
    if (list === undefined) return undefined;
    const item = this.#head(list);
    this.#places[list] = (this.#places[list] as number) + 1;
    this.#enter(list);
    return item;
  }

  /** What next() would return. */
  peek(): Item | undefined {
    const list = this.#order[0];
    return list === undefined ? undefined : this.#head(list);
  }

  #head(list: number): Item {
    return this.#lists[list]?.[this.#places[list] as number] as Item;
  }

  /** Puts a list back among the others by its head; behind equal heads of earlier lists. */
  #enter(list: number): void {
    if ((this.#places[list] as number) >= (this.#lists[list]?.length ?? 0)) return;
    const head = this.#head(list);
    let at = 0;
    while (at < this.#order.length) {
      const other = this.#order[at] as number;
      const order = this.#compare(head, this.#head(other));
      if (order < 0 || (order === 0 && list < other)) break;
      at += 1;
    }
    this.#order.splice(at, 0, list);
  }
}

/** The first `count` items of the merged lists. */
export function mergeHeads<Item>(
  lists: readonly (readonly Item[])[],
  compare: (left: Item, right: Item) => number,
  count = Number.POSITIVE_INFINITY,
): Item[] {
  const merged: Item[] = [];
  const heads = new HeadMerge(lists, compare);
  while (merged.length < count) {
    const item = heads.next();
    if (item === undefined) break;
    merged.push(item);
  }
  return merged;
}
