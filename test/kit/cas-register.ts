/** The model of a register with compare-and-swap: what an engine of control replicas is, one step at a time. */
import type { Model, Operation } from './linearizable.ts';

/** What can be asked of it; null is absent. */
export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: string }
  | { readonly kind: 'cas'; readonly expected: string | null; readonly value: string };

/** What it answers. */
export type RegisterOutput =
  | { readonly kind: 'value'; readonly value: string | null }
  | { readonly kind: 'done' }
  | { readonly kind: 'conflict' };

/** One operation on one register. */
export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** A register that is absent in the beginning. */
export const casRegister: Model<string | null, RegisterInput, RegisterOutput> = {
  initial: null,
  step(state, input, output) {
    switch (input.kind) {
      case 'read': {
        if (output === undefined) return { state };
        return output.kind === 'value' && output.value === state ? { state } : undefined;
      }
      case 'write':
        return { state: input.value };
      default: {
        const isSwapped = state === input.expected;
        const isPossible = output === undefined || (output.kind === 'done') === isSwapped;
        return isPossible ? { state: isSwapped ? input.value : state } : undefined;
      }
    }
  },
  text: (state) => (state === null ? 'absent' : `=${state}`),
};
