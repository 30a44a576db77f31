/** Changes one piece of one compiled file while it is loaded. Registered by main.ts. */

/** A change to a compiled file. */
export interface Patch {
  /** End of the file's address: `core/ranking/compare.js`. */
  readonly file: string;
  /** Text that stands there exactly once, however its words are spaced and broken into lines. */
  readonly find: string;
  readonly replace: string;
}

interface Loaded {
  readonly format: string;
  readonly source?: string | Buffer;
}

type Load = (url: string, context: object) => Promise<Loaded>;

let patch: Patch | undefined;

/** Called once, with what main.ts handed over. */
export function initialize(data: Patch): void {
  patch = data;
}

/** Node's hook. Throws if the text is not there: the mutant then says nothing about the code. */
export async function load(url: string, context: object, next: Load): Promise<Loaded> {
  const loaded = await next(url, context);
  if (patch === undefined || !url.endsWith(`/${patch.file}`)) return loaded;
  const words = patch.find.split(/\s+/).map((word) => word.replace(/[^\w]/g, '\\$&'));
  const parts = String(loaded.source).split(new RegExp(words.join('\\s+')));
  if (parts.length !== 2) {
    throw new Error(`${patch.file} holds ${parts.length - 1} times: ${patch.find}`);
  }
  return { ...loaded, source: parts.join(patch.replace) };
}
