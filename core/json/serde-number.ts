/**
 * Numbers as serde_json reads and writes them: integers of 64 bits keep their value, everything else is
 * a double made by one multiplication or division with a power of ten, and is written in its shortest
 * form with a point or an exponent. Needed for the range check and for texts of errors only.
 */

/** An integer of 64 bits (signed or unsigned), a double, or a number too large for one. */
export type SerdeNumber =
  | { readonly kind: 'integer'; readonly text: string }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'out-of-range' };

const UNSIGNED_MAX = 2n ** 64n - 1n;
const NEGATIVE_MAX = 2n ** 63n;
const EXPONENT_MAX = 2 ** 31 - 1;
const POWER_MAX = 308;

/** Reads a number whose text fits the JSON grammar. */
export function readNumber(text: string): SerdeNumber {
  const isNegative = text.startsWith('-');
  const match = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?)(\d+))?$/.exec(text);
  const [, whole = '', fraction, sign, exponent] = match ?? [];
  if (fraction === undefined && exponent === undefined && whole.length <= 20) {
    const value = BigInt(whole);
    if (!isNegative && value <= UNSIGNED_MAX) return { kind: 'integer', text };
    if (isNegative && value > 0n && value <= NEGATIVE_MAX) return { kind: 'integer', text };
  }
  const { significand, power } = collectDigits(whole, fraction ?? '');
  const named = exponent === undefined ? 0 : Number(exponent);
  if (named > EXPONENT_MAX) {
    if (significand !== 0n && sign !== '-') return { kind: 'out-of-range' };
    return { kind: 'double', value: isNegative ? -0 : 0 };
  }
  const value = scale(Number(significand), power + (sign === '-' ? -named : named));
  if (value === undefined) return { kind: 'out-of-range' };
  return { kind: 'double', value: isNegative ? -value : value };
}

/** Digits as far as they fit 64 bits; later ones only move the power of ten. */
function collectDigits(whole: string, fraction: string): { significand: bigint; power: number } {
  let significand = 0n;
  let power = 0;
  let isFull = false;
  for (const digit of whole) {
    const next = isFull ? 0n : significand * 10n + BigInt(digit);
    if (isFull || next > UNSIGNED_MAX) {
      isFull = true;
      power += 1;
    } else significand = next;
  }
  for (const digit of fraction) {
    const next = significand * 10n + BigInt(digit);
    if (next > UNSIGNED_MAX) break;
    significand = next;
    power -= 1;
  }
  return { significand, power };
}

/** value x 10^power, or undefined if it leaves the range. */
function scale(value: number, power: number): number | undefined {
  let result = value;
  let rest = power;
  while (Math.abs(rest) > POWER_MAX) {
    if (result === 0) return 0;
    if (rest > 0) return undefined;
    result /= 1e308;
    rest += POWER_MAX;
  }
  result = rest >= 0 ? result * Number(`1e${rest}`) : result / Number(`1e${-rest}`);
  return Number.isFinite(result) ? result : undefined;
}

const FIXED_MIN = -5;
const FIXED_MAX = 15;

/** A double as serde_json writes it: `1000.0`, `1.5`, `1.8446744073709552e+19`, `-0.0`. */
export function formatDouble(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(exponentText);
  const sign = value < 0 ? '-' : '';
  if (exponent < FIXED_MIN || exponent > FIXED_MAX) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return `${sign}${digits.padEnd(exponent + 1, '0')}.0`;
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** A number of JSON's grammar as serde_json would write it again. */
export function rewriteNumber(text: string): string {
  const number = readNumber(text);
  if (number.kind === 'integer') return number.text;
  return number.kind === 'double' ? formatDouble(number.value) : text;
}
