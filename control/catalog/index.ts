/** The catalog: indexes, their owners and settings, and what writes do to them. */

export {
  indexNotFound,
  partRefused,
  primaryKeyFixed,
  writeAbandoned,
} from './errors.ts';
export { applyToCatalog } from './finish.ts';
export { giveNameUp, isOurs, wasOurs } from './former-names.ts';
export { hasSeveralOwners } from './index-record.ts';
export type { Place, Planned, WritePlan } from './plan.ts';
export { DOWN_MS, planWrite } from './plan-write.ts';
export { creationStep, deletionSteps, settingsSteps } from './steps.ts';
