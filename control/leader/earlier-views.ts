/**
 * Views that sidecars have of leaders before this one. What a view shows was committed, and stays so, so its
 * index counts as one of this leader's own as long as it is not beyond what this leader began with.
 */
import type { Position } from '../../core/topology.ts';
import type { Store } from '../store/index.ts';

/** What is known of the leaders before. */
export interface EarlierViews {
  /**
   * Epoch of the last entry before this leader's first; undefined if that is not in the log, as after a
   * backup was restored, or if it need not be the last that others made: a loss was accepted.
   */
  readonly previousEpoch: number | undefined;
  /** Views of before this epoch show what may have been lost since. */
  readonly sinceEpoch: number;
}

/** Reads them; `lastIndex` is that of the last entry before this leader's first. */
export function readEarlier(
  store: Pick<Store, 'placeAt' | 'entriesFrom'>,
  lastIndex: bigint,
  { epoch, sinceEpoch }: { readonly epoch: bigint; readonly sinceEpoch: number },
): EarlierViews {
  const isThere = lastIndex > 0n && store.entriesFrom(lastIndex, 1) !== 'trimmed';
  const place = isThere ? store.placeAt(lastIndex) : undefined;
  const isFirst = BigInt(sinceEpoch) === epoch;
  return {
    previousEpoch: place === undefined || isFirst ? undefined : Number(place.epoch),
    sinceEpoch,
  };
}

/**
 * Gives the index of a view as it counts for this leader; 0 if it proves nothing. What this leader has not
 * committed nobody has seen, whatever he says: he would count as a reader of every view to come.
 */
export function countingViews(options: {
  readonly store: Pick<Store, 'epoch' | 'position'>;
  readonly earlier: EarlierViews;
}): (view: Position) => number {
  const { store, earlier } = options;
  const { epoch } = store;
  const lastIndex = store.position.index;
  return (view) => {
    if (view.epoch === epoch) return view.index <= store.position.index ? Number(view.index) : 0;
    const counts = view.epoch < epoch && view.epoch >= earlier.sinceEpoch;
    return counts && view.index <= lastIndex ? Number(view.index) : 0;
  };
}
