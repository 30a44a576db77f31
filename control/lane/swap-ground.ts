/**
 * An exchange of names fails on a node where one of the indexes is missing, and an index that is to be made
 * anew there may be. It is made, empty, just before: the exchange is then done on every node in its place
 * among the writes, and the index is made good later, under its new name.
 */
import { creationStep } from '../catalog/index.ts';
import type { Intent, State, Step } from '../state/index.ts';

/** Puts what is missing before the calls of an exchange, of which nothing was sent yet. */
export function addSwapGround(state: State, intent: Intent): void {
  if (intent.kind !== 'indexSwap') return;
  const ground = missingOn(state, intent).map(({ nodeId, uid }): Step => {
    const { step, body } = creationStep(nodeId, uid);
    const known = intent.bodies.indexOf(body);
    if (known < 0) intent.bodies = [...intent.bodies, body];
    return { ...step, body: known < 0 ? intent.bodies.length - 1 : known };
  });
  intent.steps.unshift(...ground);
}

function missingOn(
  state: State,
  intent: Intent,
): { readonly nodeId: string; readonly uid: string }[] {
  const named = intent.swaps.flatMap(({ left, right, leftId, rightId }) => [
    { uid: left, id: leftId },
    ...(rightId === null ? [] : [{ uid: right, id: rightId }]),
  ]);
  return named.flatMap(({ uid, id }) =>
    Object.entries(state.indexes.get(id)?.needs ?? {})
      .filter(([, need]) => need === 'rebuild')
      .map(([nodeId]) => ({ nodeId, uid })),
  );
}
