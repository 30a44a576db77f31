/**
 * Goal: no secret in any line at any level, whatever shape it is passed in.
 * Method: a real logger writing into an array; one secret is put into every place a caller could.
 */
import * as assert from 'uvu/assert';
import { createLogger } from '../../../../core/telemetry/index.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('telemetry logger');
const SECRET = 'c4n4ry-s3cret-value';

function capture(level: string, secrets: string[] = []) {
  const lines: string[] = [];
  const logger = createLogger('test', level, {
    secrets,
    stream: { write: (line) => lines.push(line) },
  });
  return { logger, lines };
}

test('secret fields are replaced at every level and depth', () => {
  const { logger, lines } = capture('trace');
  const fields = {
    authorization: SECRET,
    Authorization: `Bearer ${SECRET}`,
    'x-meili-api-key': SECRET,
    apiKey: SECRET,
    masterKey: SECRET,
    admin_token: SECRET,
    internalKey: SECRET,
    nested: { headers: { authorization: SECRET, deeper: [{ key: SECRET }] } },
    map: new Map([['authorization', SECRET]]),
    note: `sent Bearer ${SECRET} along`,
    body: JSON.stringify({ masterKey: SECRET, q: 'x' }),
    primaryKey: 'id',
    keys: 3,
  };
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) {
    logger[level](fields, `with bearer ${SECRET}`);
    logger.child(fields).info('child');
    logger[level](new Error(`Bearer ${SECRET}`));
    logger[level]({ err: new Error(`Bearer ${SECRET}`) }, 'x');
  }
  assert.is(lines.length, 24);
  for (const line of lines) assert.not.match(line, SECRET);
  const first = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.is(first['primaryKey'], 'id');
  assert.is(first['keys'], 3);
  assert.is(first['level'], 'trace');
  assert.is(first['name'], 'test');
  assert.match(String(first['time']), /^20\d\d-/);
});

test('given secrets are replaced anywhere', () => {
  const { logger, lines } = capture('info', [SECRET, '']);
  logger.info({ text: `a${SECRET}b` }, `c${SECRET}d`);
  logger.info(new Error(SECRET));
  assert.is(lines.length, 2);
  for (const line of lines) assert.not.match(line, SECRET);
  for (const line of lines) JSON.parse(line);
});

test('the level holds, and deep or circular fields do no harm', () => {
  const { logger, lines } = capture('warn');
  logger.info('no');
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  logger.warn({ circle });
  assert.is(lines.length, 1);
  JSON.parse(lines[0] ?? '');
});

run();
