/** A list as a view: a table for people, one named array for programs. */
import type { Style, View } from '../output/emit.ts';
import { type Column, renderTable } from '../output/table.ts';

/** Makes it. `none` is what people read where there is nothing. */
export function listView<Row>(options: {
  /** Key of the array. */
  readonly name: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly data: (row: Row) => unknown;
  readonly none: string;
  /** Further keys. */
  readonly more?: Readonly<Record<string, unknown>>;
}): View {
  const { name, rows, columns, data, none, more = {} } = options;
  return {
    get data() {
      return { [name]: rows.map(data), ...more };
    },
    text: (style: Style) => (rows.length === 0 ? `${none}\n` : renderTable(columns, rows, style)),
  };
}
