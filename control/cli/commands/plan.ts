/** What a change did or, with --dry-run, would do. */
import type { Plan } from '../../../proto/gen/miroir/admin/v1/common.ts';
import type { View } from '../output/emit.ts';
import { visible } from '../output/table.ts';

/** Warnings first, then the steps. `done` is what to say of a change that was made. */
export function planView(
  plan: Plan | undefined,
  options: {
    readonly isDryRun: boolean;
    readonly done: string;
    readonly data?: Readonly<Record<string, unknown>>;
  },
): View {
  const { steps = [], warnings = [] } = plan ?? {};
  const { isDryRun, done, data = {} } = options;
  return {
    data: { dry_run: isDryRun, ...data, steps, warnings },
    text: ({ paint }) => {
      const lines = warnings.map((warning) => `${paint.warn('warning')}   ${visible(warning)}`);
      if (isDryRun) {
        lines.push('would do:', ...steps.map((step, at) => `  ${at + 1}. ${visible(step)}`));
        if (steps.length === 0) lines.push('  nothing');
        lines.push('nothing was changed (--dry-run)');
      } else lines.push(done);
      return `${lines.join('\n')}\n`;
    },
  };
}
