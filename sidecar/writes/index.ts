/** Document writes: one handler per verb. */
export { handleDocumentReplace, handleDocumentUpdate } from './add.ts';
export { type Clock, systemClock, type WriteContext } from './context.ts';
export { handleDocumentDelete, handleDocumentDeleteBatch } from './delete-by-id.ts';
export { OpenReports } from './open-reports.ts';
export {
  handleDocumentDeleteAll,
  handleDocumentDeleteByFilter,
  handleDocumentEdit,
} from './whole-index.ts';
