/** The state on disk. */
export { DamagedValue } from './codec.ts';
export { type DataDir, holdDataDir } from './data-dir.ts';
export { examineFolder, noteCleanStop } from './examine.ts';
export { FreeSpace } from './free-space.ts';
export type { Change } from './log-entry.ts';
export { Store, type StoreOptions, UnusableStore } from './store.ts';
