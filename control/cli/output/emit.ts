/**
 * One result, four ways: `table` and `wide` for people, `json` and `yaml` for programs. The data is given
 * once in snake_case; people's text is made only when it is asked for.
 */
import { stringify } from 'yaml';
import type { Paint } from './paint.ts';

/** Values of `-o`. */
export const OUTPUTS = ['table', 'wide', 'json', 'yaml'] as const;
/** One of them. */
export type OutputFormat = (typeof OUTPUTS)[number];

/** How text for people is to look. */
export interface Style {
  readonly isWide: boolean;
  readonly paint: Paint;
}

/** A result. */
export interface View {
  /** For programs; keys in snake_case. Keys are added in later versions, never renamed. */
  readonly data: unknown;
  /** For people; ends with a line end. */
  text(style: Style): string;
}

/** The result as text. `isLine` packs JSON into one line, for results that follow each other. */
export function render(
  view: View,
  format: OutputFormat,
  options: { readonly paint: Paint; readonly isLine?: boolean },
): string {
  const { paint, isLine } = options;
  switch (format) {
    case 'json':
      return `${JSON.stringify(view.data, plain, isLine === true ? undefined : 2)}\n`;
    case 'yaml':
      return `${isLine === true ? '---\n' : ''}${stringify(JSON.parse(JSON.stringify(view.data, plain)))}`;
    case 'table':
    case 'wide':
      return view.text({ isWide: format === 'wide', paint });
  }
}

/** JSON knows no bigint: one that a double holds exactly becomes a number, any other a text. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}
