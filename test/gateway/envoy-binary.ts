/** The Envoy that the gateway tests run, found or fetched as `npm start` does. */

/** Path of the binary. */
export async function envoyBinary(): Promise<string> {
  const path = process.env['ENVOY_BIN'];
  if (path === undefined) throw new Error('no Envoy: set ENVOY_BIN');
  return path;
}
