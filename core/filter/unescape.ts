/**
 * Escapes of a filter's names and values, as the engine's `unescaper` crate reads them: `\n` and the
 * like, `\xHH`, `\uHHHH`, `\u{H…}` and octal. Names must be read so, else `"\u{5f}miroir_shard"` would
 * name an internal field unseen.
 */

const SIMPLE: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  "'": "'",
  '"': '"',
  '\\': '\\',
  '/': '/',
};
const ESCAPE = /\\(?:u\{([^}]*)\}|u(.{4})|x(.{2})|([0-3][0-7]{0,2}|[4-7][0-7]?)|(.))/gsu;
const HEX = /^[0-9a-fA-F]+$/;

/** The text behind the escapes, or undefined if an escape is none: a node refuses such a filter. */
export function unescapeText(raw: string): string | undefined {
  if (!raw.includes('\\')) return raw;
  let isValid = true;
  const text = raw.replace(
    ESCAPE,
    (_, braced?: string, unicode?: string, byte?: string, octal?: string, simple?: string) => {
      const code = codeOf(braced ?? unicode ?? byte, octal);
      if (code !== undefined) return String.fromCodePoint(code);
      const plain = simple === undefined ? undefined : SIMPLE[simple];
      if (plain === undefined) isValid = false;
      return plain ?? '';
    },
  );
  return isValid && !/\\$/.test(raw.replaceAll('\\\\', '')) ? text : undefined;
}

const CODE_POINT_MAX = 0x10ffff;

function codeOf(hex: string | undefined, octal: string | undefined): number | undefined {
  if (octal !== undefined) return Number.parseInt(octal, 8);
  if (hex === undefined || !HEX.test(hex)) return undefined;
  const code = Number.parseInt(hex, 16);
  return code <= CODE_POINT_MAX ? code : undefined;
}
