/**
 * The stand-in as a process. Takes the flags a Meilisearch is started with and does not know most of
 * them: `--http-addr HOST:PORT` (or `--port N`), `--db-path DIR`, `--master-key-env NAME`; the master
 * key comes from MEILI_MASTER_KEY or the named variable. Ends on SIGTERM and SIGINT.
 */
import { startEngine } from './index.ts';

const flags = readFlags(process.argv.slice(2));
const [, host = '127.0.0.1', port = '7700'] =
  /^(.*):(\d+)$/.exec(flags.get('http-addr') ?? `127.0.0.1:${flags.get('port') ?? '7700'}`) ?? [];
const keyName = flags.get('master-key-env') ?? 'MEILI_MASTER_KEY';

try {
  const engine = await startEngine({
    masterKey: flags.get('master-key') ?? process.env[keyName],
    host: host === 'localhost' ? '127.0.0.1' : host,
    port: Number(port),
    dbPath: flags.get('db-path'),
  });
  console.log(
    `*** THIS IS NOT MEILISEARCH: a small stand-in for tests listens on ${engine.url} ***`,
  );
  const stop = () => {
    void engine.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  console.error(`stand-in did not start: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

/** `--name value`, `--name=value` and bare `--name`. */
function readFlags(args: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(args[i] ?? '') ?? [];
    if (name === undefined) continue;
    const next = args[i + 1];
    if (value !== undefined) found.set(name, value);
    else if (next !== undefined && !next.startsWith('--')) {
      found.set(name, next);
      i += 1;
    } else found.set(name, '');
  }
  return found;
}
