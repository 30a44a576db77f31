/** Documents as they come in: split, judged and located, never parsed and rewritten. Pure. */
export { debugText } from './csv.ts';
export { DocumentTable } from './document-table.ts';
export type { PayloadFormat, Rejection, TaskFailure } from './failures.ts';
export { DocumentSplitter, type SplitOptions, type SplitResult } from './splitter.ts';
export {
  firstVersionOf,
  listedFields,
  storedId,
  storedVersion,
  writeContent,
  writeStored,
} from './stored.ts';
