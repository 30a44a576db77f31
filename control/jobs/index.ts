/** Long operations: what they are called, how they begin and end, and those that follow from copies. */
export {
  changeJob,
  jobEnded,
  recover,
  refuseJobChange,
  refuseRecovery,
  takeUpJobs,
} from './changes.ts';
export {
  type DriverProgress,
  type DriverTools,
  type JobDriver,
  JobDrivers,
} from './drivers.ts';
export { addJob, findJob, isOver, jobId } from './records.ts';
export { copiesByNode, isHeldBack, settleJobs } from './recovery-jobs.ts';
