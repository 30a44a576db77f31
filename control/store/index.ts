/** The state on disk. */

export { Ahead } from './ahead.ts';
export {
  LIFE_KEY,
  restoreBackup,
  verifyBackup,
  type WrittenBackup,
  writeBackup,
} from './backup.ts';
export { DamagedValue } from './codec.ts';
export { type DataDir, holdDataDir } from './data-dir.ts';
export { UnusableSnapshot, UnusableStore } from './errors.ts';
export { examineFolder, noteCleanStop } from './examine.ts';
export { FreeSpace } from './free-space.ts';
export { emptyFolder, type InstallOptions, installSnapshot } from './install.ts';
export type { LogBounds } from './log.ts';
export { type Change, decodeEntry, encodeEntry, followsChain, readHead } from './log-entry.ts';
export type { SnapshotHeader } from './snapshot.ts';
export { SoleStore } from './sole-store.ts';
export { type LogWrite, Store, type StoreOptions } from './store.ts';
