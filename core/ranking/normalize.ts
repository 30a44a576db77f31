/**
 * Text as a node compares it. Facet values, sort values and distinct values are equal if their
 * normalized texts are: trimmed, compatibility-decomposed, lower case (milli's `normalize_facet`).
 * Order is that of UTF-8 bytes, which differs from JavaScript's UTF-16 order beyond U+D7FF.
 */

const PLAIN = /^[!-~]*$/;

/** Longer values are cut before they are filed. */
const VALUE_BYTES_MAX = 468;

/** The text under which a node files a facet value. */
export function normalizeFacet(text: string): string {
  return cutText(
    PLAIN.test(text) ? text.toLowerCase() : trimWhiteSpace(text).normalize('NFKD').toLowerCase(),
  );
}

/** At most 468 bytes, whole characters. */
function cutText(text: string): string {
  if (text.length * 3 <= VALUE_BYTES_MAX) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= VALUE_BYTES_MAX) return text;
  let end = VALUE_BYTES_MAX;
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** Rust's idea of white space: as JavaScript's, with U+0085 and without U+FEFF. */
function trimWhiteSpace(text: string): string {
  return text.replace(
    /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g,
    '',
  );
}

/** Order of two texts by their UTF-8 bytes, without encoding them. */
export function compareUtf8(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a === b) continue;
    // A surrogate stands for a code point above all that need none.
    const aRank = a >= 0xd800 && a <= 0xdfff ? a + 0x10000 : a;
    const bRank = b >= 0xd800 && b <= 0xdfff ? b + 0x10000 : b;
    return aRank < bRank ? -1 : 1;
  }
  return left.length < right.length ? -1 : left.length > right.length ? 1 : 0;
}
