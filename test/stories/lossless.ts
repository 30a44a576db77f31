/**
 * A JSON tree that keeps what JSON.parse loses: the text of every number (2^53+1, 1.0, -0.0) and the
 * order and exact names of keys (`__proto__`, `"0"`). Used to compare answers, so it shares no code
 * with the program under test. Throws SyntaxError on text that is not JSON.
 */

/** A number as it was written. */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Any JSON value. */
export type Tree = null | boolean | string | NumberText | Tree[] | TreeObject;

/** A JSON object in the order of its keys. */
export type TreeObject = Map<string, Tree>;

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\]|\\[\s\S])*"/y;
const DEPTH_MAX = 2000;

/** Parses a whole text. */
export function parseTree(text: string): Tree {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.skipSpace();
  if (reader.at < text.length) throw new SyntaxError(`unexpected text at ${reader.at}`);
  return value;
}

class Reader {
  at = 0;
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  skipSpace(): void {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  value(depth: number): Tree {
    if (depth > DEPTH_MAX) throw new SyntaxError('nested too deeply');
    this.skipSpace();
    const char = this.text[this.at];
    if (char === '{') return this.object(depth);
    if (char === '[') return this.array(depth);
    if (char === '"') return JSON.parse(this.take(STRING)) as string;
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return new NumberText(this.take(NUMBER));
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) throw new SyntaxError(`unexpected text at ${this.at}`);
    this.at = pattern.lastIndex;
    return found[0];
  }

  private array(depth: number): Tree[] {
    const items: Tree[] = [];
    this.at += 1;
    this.skipSpace();
    if (this.text[this.at] === ']') {
      this.at += 1;
      return items;
    }
    for (;;) {
      items.push(this.value(depth + 1));
      if (this.closes(']')) return items;
    }
  }

  private object(depth: number): TreeObject {
    const members: TreeObject = new Map();
    this.at += 1;
    this.skipSpace();
    if (this.text[this.at] === '}') {
      this.at += 1;
      return members;
    }
    for (;;) {
      this.skipSpace();
      const key = JSON.parse(this.take(STRING)) as string;
      this.skipSpace();
      if (this.text[this.at] !== ':') throw new SyntaxError(`expected a colon at ${this.at}`);
      this.at += 1;
      members.set(key, this.value(depth + 1));
      if (this.closes('}')) return members;
    }
  }

  /** Steps over a comma (false) or the closing bracket (true). */
  private closes(bracket: string): boolean {
    this.skipSpace();
    const char = this.text[this.at];
    if (char !== ',' && char !== bracket) throw new SyntaxError(`unexpected text at ${this.at}`);
    this.at += 1;
    return char === bracket;
  }
}

const WORDS: readonly (readonly [string, Tree])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** Compact JSON text of a tree, numbers as they were written. */
export function printTree(tree: Tree): string {
  if (tree instanceof NumberText) return tree.text;
  if (Array.isArray(tree)) return `[${tree.map(printTree).join(',')}]`;
  if (tree instanceof Map) {
    const members = [...tree].map(([key, value]) => `${JSON.stringify(key)}:${printTree(value)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(tree);
}
