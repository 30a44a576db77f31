/** Changes pieces of compiled files while they are loaded: planted bugs that production code knows nothing of. */

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

let patches: readonly Patch[] = [];

/** Called once, with what the registering program handed over. */
export function initialize(data: Patch | readonly Patch[]): void {
  patches = Array.isArray(data) ? (data as readonly Patch[]) : [data as Patch];
}

/** Node's hook. Throws if a text is not there: the planted bug then says nothing about the code. */
export async function load(url: string, context: object, next: Load): Promise<Loaded> {
  const loaded = await next(url, context);
  const own = patches.filter((patch) => url.endsWith(`/${patch.file}`));
  if (own.length === 0) return loaded;
  return { ...loaded, source: own.reduce(apply, String(loaded.source)) };
}

/** The source with the change. Throws if what it changes does not stand there exactly once. */
export function apply(source: string, patch: Patch): string {
  const words = patch.find.split(/\s+/).map((word) => word.replace(/[^\w]/g, '\\$&'));
  const parts = source.split(new RegExp(words.join('\\s+')));
  if (parts.length !== 2) {
    throw new Error(`${patch.file} holds ${parts.length - 1} times: ${patch.find}`);
  }
  return parts.join(patch.replace);
}
