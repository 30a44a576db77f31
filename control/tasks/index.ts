/** The tasks clients see. */
export { type BatchTasks, findBatch, listBatches } from './batch-list.ts';
export { renderBatch } from './batch-render.ts';
export { awaitsOthers, countCancelled, isCancelled, planCancelation } from './cancel.ts';
export { deleteTasks, hideTasks, planTaskDeletion } from './delete.ts';
export { cleanError, endOf, finalDetails, mainTasks, startOf, TASK_TYPES } from './fold.ts';
export { isAllowed, listTasks, type TaskPage, type TaskQuery } from './list.ts';
export { closeGroups, groupFor, groupName, swapGroupNames } from './names.ts';
export { addPage, encodePage, isPageFinal, PAGE_TASKS } from './pages.ts';
export { addTask, batchFor, summarize, updateTask } from './registry.ts';
export { detailsOf, renderTask } from './render.ts';
export { formatDuration, formatTime, parseTime, timeMs } from './time.ts';
