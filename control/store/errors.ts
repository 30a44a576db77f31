/** What the store refuses, as one clear line each. */

/** Data of a newer version, a damaged file or one that is no store: a person has to look at it. */
export class UnusableStore extends Error {
  override name = 'UnusableStore';
}

/** A snapshot or a backup that is cut off, damaged, newer than this program, or not one at all. */
export class UnusableSnapshot extends Error {
  override name = 'UnusableSnapshot';
}
