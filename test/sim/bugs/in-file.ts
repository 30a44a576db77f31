/** A short way to write bugs that change one file each. */
import type { Bug } from './list.ts';

/** A bug with its one change. */
export type OneChange = Omit<Bug, 'patches'> & { readonly find: string; readonly replace: string };

/** Bugs of one compiled file. */
export function inFile(file: string, bugs: readonly OneChange[]): Bug[] {
  return bugs.map(({ find, replace, ...bug }) => ({ ...bug, patches: [{ file, find, replace }] }));
}
