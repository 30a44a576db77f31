/** Errors of tasks that the catalog alone can tell, in a node's words (each taken from a real node). */
import { type ErrorCode, errorBody } from '../../core/errors.ts';
import type { TaskError } from '../state/index.ts';

function taskError(code: ErrorCode, message: string): TaskError {
  const { message: text, code: name, type, link } = errorBody(code, message);
  return { message: text, code: name, type, link };
}

/** The index does not exist. */
export function indexNotFound(uid: string): TaskError {
  return taskError('index_not_found', `Index \`${uid}\` not found.`);
}

/** Indexes of a swap that do not exist. */
export function swapIndexesNotFound(uids: readonly string[]): TaskError {
  const [first, ...others] = uids;
  if (others.length === 0) return indexNotFound(first ?? '');
  const names = uids.map((uid) => `\`${uid}\``).join(', ');
  return taskError('index_not_found', `Indexes ${names} not found.`);
}

/** The index exists already. */
export function indexAlreadyExists(uid: string): TaskError {
  return taskError('index_already_exists', `Index \`${uid}\` already exists.`);
}

/** A rename inside a swap onto a name that is taken. */
export function renameTargetExists(from: string, to: string): TaskError {
  return taskError(
    'index_already_exists',
    `Cannot rename \`${from}\` to \`${to}\` as the index already exists. Hint: You can remove \`${to}\` first and then do your remove.`,
  );
}

/** Documents came with another primary key than the index has. */
export function primaryKeyExists(primaryKey: string): TaskError {
  return taskError(
    'index_primary_key_already_exists',
    `Index already has a primary key: \`${primaryKey}\`.`,
  );
}

/** An update to another primary key while documents are there. */
export function primaryKeyFixed(uid: string, primaryKey: string): TaskError {
  return taskError(
    'index_primary_key_already_exists',
    `Index \`${uid}\`: Index already has a primary key: \`${primaryKey}\`.`,
  );
}

/** The write was given up before it was complete. */
export function writeAbandoned(): TaskError {
  return taskError(
    'miroir_write_abandoned',
    'The gateway that took this write gave it up before all nodes had it; send it again.',
  );
}

/** A node did not take its part. */
export function partRefused(nodeId: string, reason: string): TaskError {
  return taskError('miroir_no_quorum', `Node \`${nodeId}\` did not take its part: ${reason}.`);
}
