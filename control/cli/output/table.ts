/**
 * Tables as operators know them from kubectl: UPPERCASE headers, columns three spaces apart, no box, so
 * that awk and grep work on them.
 */
import type { Paint } from './paint.ts';

const GAP = '   ';
/** What an empty cell shows, so that columns can be counted. */
export const NOTHING = '-';

/** One column. */
export interface Column<Row> {
  readonly header: string;
  /** The cell's text; empty is shown as a dash. */
  text(row: Row): string | number | undefined;
  /** Only with `-o wide`. */
  readonly isWide?: boolean;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
  /** Colour of a cell; applied after the width is known. */
  paint?(row: Row, paint: Paint): (text: string) => string;
}

/** The table's text with a line end, header first. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: { readonly isWide: boolean; readonly paint: Paint },
): string {
  const shown = columns.filter((column) => style.isWide || column.isWide !== true);
  const cells = rows.map((row) => shown.map((column) => cellText(column.text(row))));
  const widths = shown.map((column, at) =>
    Math.max(column.header.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const line = (texts: readonly string[], colour: (at: number) => (text: string) => string) => {
    const padded = texts.map((text, at) => {
      const width = widths[at] ?? 0;
      const isNumber = shown[at]?.isNumber === true;
      const space = ' '.repeat(width - text.length);
      const painted = colour(at)(text);
      return isNumber ? space + painted : painted + (at === texts.length - 1 ? '' : space);
    });
    return padded.join(GAP);
  };
  const plain = (text: string) => text;
  return [
    line(
      shown.map(({ header }) => header),
      () => plain,
    ),
    ...rows.map((row, at) =>
      line(cells[at] ?? [], (column) => shown[column]?.paint?.(row, style.paint) ?? plain),
    ),
  ]
    .map((text) => `${text}\n`)
    .join('');
}

/** `name   value` lines under each other, names padded; pairs without a value are left out. */
export function renderPairs(
  pairs: readonly (readonly [name: string, value: string | undefined])[],
  paint: Paint,
): string {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${paint.faint(name.padEnd(width))}${GAP}${visible(value ?? '')}\n`)
    .join('');
}

function cellText(value: string | number | undefined): string {
  const text = visible(String(value ?? ''));
  return text === '' ? NOTHING : text;
}

/** Text from elsewhere cannot steer the terminal or break a line: control characters are written out. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to be shown
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
