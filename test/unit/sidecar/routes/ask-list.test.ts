/**
 * Goal: a node's list that is read in parts is one answer, or what the first bad part came to; a list that a
 * node shows at once costs one call, untouched.
 * Method: a node that answers as it is told to.
 */
import * as assert from 'uvu/assert';
import type { NodeOutcome } from '../../../../core/meilisearch/outcome.ts';
import type { JsonObject } from '../../../../core/ranking/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { askList } from '../../../../sidecar/routes/ask-list.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('asking for lists');

function hits(...ids: number[]): string {
  const texts = ids.map((id) => {
    return `{"id":${id},"_miroir_version":"${encodeVersion({ seq: 1, position: id })}"}`;
  });
  return `{"hits":[${texts.join(',')}],"estimatedTotalHits":9}`;
}

function answered(text: string, status = 200): NodeOutcome {
  return { kind: 'answered', status, headers: {}, body: Buffer.from(text), elapsedMs: 2 };
}

async function ask(body: JsonObject, outcomes: readonly NodeOutcome[]) {
  const asked: JsonObject[] = [];
  const outcome = await askList(body, 2, async (part) => {
    asked.push(part);
    return outcomes[asked.length - 1] ?? { kind: 'reset', reason: 'asked too often' };
  });
  return { outcome, asked };
}

test('what fits into one answer is asked once and not looked at', async () => {
  for (const body of [{ limit: 2 }, { hitsPerPage: 2 }, { q: 'x' }, { limit: 'five' }, {}]) {
    const only = answered('not read');
    const { outcome, asked } = await ask(body, [only]);
    assert.is(outcome, only);
    assert.is(asked.length, 1);
    assert.is(asked[0], body);
  }
});

test('parts become one answer that took as long as all of them', async () => {
  const { outcome } = await ask({ limit: 5 }, [answered(hits(0, 1)), answered(hits(2))]);
  assert.equal(outcome, { ...answered(hits(0, 1, 2)), elapsedMs: 4 });
});

test('a part that is refused, lost or no answer ends the list', async () => {
  const bad: NodeOutcome[] = [
    answered('{"code":"invalid_search_filter"}', 400),
    answered('', 503),
    { kind: 'timeout', afterMs: 5 },
    // The merge finds out.
    answered('{"hits":[]'),
    answered('{"hits":[{"id":1}],"estimatedTotalHits":1}'),
  ];
  for (const part of bad) {
    for (const before of [[], [answered(hits(0, 1))]]) {
      const { outcome, asked } = await ask({ limit: 5 }, [...before, part]);
      assert.is(outcome, part);
      assert.is(asked.length, before.length + 1);
    }
  }
});

run();
