/**
 * Claims about our own code. A broken one is a bug, never bad input: the process ends with its state
 * in the log rather than going on with an unknown one.
 */

/** Thrown when the program's own assumptions do not hold. Never caught to go on. */
export class BrokenInvariant extends Error {
  override name = 'BrokenInvariant';
}

/** Throws BrokenInvariant unless `claim` holds. Always on. */
export function assert(claim: unknown, message: string): asserts claim {
  if (!claim) throw new BrokenInvariant(message);
}

/** The end of a switch over a union: reached only if a case was forgotten. */
export function assertNever(value: never): never {
  throw new BrokenInvariant(`unhandled case ${JSON.stringify(value)}`);
}
