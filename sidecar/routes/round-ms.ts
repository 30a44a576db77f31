/** Milliseconds to a hundredth: what people read. */
export function roundMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}
