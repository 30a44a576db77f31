/** Why a start failed, as the one line that the user gets. */

/** Printed as it is, without a stack; the program then ends with 1. */
export class StartError extends Error {
  override name = 'StartError';
}

/** Any failure as one line. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
