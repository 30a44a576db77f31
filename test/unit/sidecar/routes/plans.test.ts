/**
 * Goal: what goes to the nodes beside the client's own words cannot be reached by them, and nobody can
 * name the gateway's fields.
 * Method: plans printed and compared, filters of any text among them.
 */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { MiroirError } from '../../../../core/errors.ts';
import { encodeShard } from '../../../../core/reserved/index.ts';
import { withShardFilter } from '../../../../sidecar/routes/fan-out.ts';
import { mayNameReserved, refuseReservedNames } from '../../../../sidecar/routes/reserved-names.ts';
import { newRequestUid } from '../../../../sidecar/routes/uuid.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('plans');

const OURS = `"_miroir_shard" IN ["${encodeShard(1)}", "${encodeShard(2)}"]`;

test("our filter is an item of its own beside the client's", () => {
  const plan = (filter: unknown) => withShardFilter({ q: 'a', filter }, [1, 2])['filter'];
  assert.equal(withShardFilter({ q: 'a' }, [1, 2]), { q: 'a', filter: [OURS] });
  assert.equal(plan(null), [OURS]);
  assert.equal(plan('a = 1 OR b = 2'), ['a = 1 OR b = 2', OURS]);
  assert.equal(plan(['a = 1', ['b = 2', 'c = 3']]), ['a = 1', ['b = 2', 'c = 3'], OURS]);
});

test('no text of a client can leave its item', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      assert.equal(withShardFilter({ filter: text }, [1, 2])['filter'], [text, OURS]);
    }),
  );
});

test('parameters that hold names are refused by the first that names a field of ours', () => {
  const said = (body: Record<string, unknown>): string | undefined => {
    try {
      refuseReservedNames(body);
    } catch (error) {
      return (error as MiroirError).code;
    }
    return undefined;
  };
  assert.is(
    said({ q: '_miroir_x', filter: 'a = "_miroir_x"', cropMarker: '_miroir_x' }),
    undefined,
  );
  assert.is(said({ filter: ['a = 1', ['_miroir_shard = 1']] }), 'miroir_reserved_field');
  for (const name of ['attributesToRetrieve', 'facets', 'sort', 'fields', 'attributesToSearchOn']) {
    assert.is(said({ [name]: ['a', '_miroir_shard'] }), 'miroir_reserved_field', name);
  }
});

test('escapes send a body to the closer look, plain bodies never', () => {
  assert.is(mayNameReserved(Buffer.from('{"q":"_miroir"}')), false);
  assert.is(mayNameReserved(Buffer.from('{"facets":["_miroir_shard"]}')), true);
  assert.is(mayNameReserved(Buffer.from('{"facets":["\\u005fmiroir_shard"]}')), true);
});

test('request uids are UUIDs of version 7 in the order of time', () => {
  const [first, second] = [newRequestUid(1_700_000_000_000), newRequestUid(1_700_000_000_001)];
  assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(first.slice(0, 13) < second.slice(0, 13));
});

run();
