/**
 * What a user sees when the configuration is wrong: one line that says where it came from, which
 * option, what is wrong with it, and the nearest right thing if there is one.
 */

/** A configuration that cannot be used. `message` is one line, fit to be printed as it is. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  /** Dotted path of the option, for instance `listen.port` or `nodes.0.url`; empty for the whole file. */
  readonly path: string;
  /** What is wrong, without path and source. */
  readonly problem: string;
  /** `FILE:LINE:COLUMN`, a variable, or where else it came from; empty if that is not known. */
  readonly source: string;

  constructor(path: string, problem: string, source?: string) {
    const words = [source, path, problem].filter((word) => word !== undefined && word !== '');
    super(words.join(': ').replaceAll(/\s*\n\s*/g, ' '));
    this.path = path;
    this.problem = problem;
    this.source = source ?? '';
  }
}
