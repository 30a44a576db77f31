/** Experimental features: remembered and shown; few of them change what the stand-in does. */
import { EngineError } from './errors.ts';

/** Names in a node's order. */
export const FEATURE_NAMES = [
  'metrics',
  'logsRoute',
  'editDocumentsByFunction',
  'containsFilter',
  'dynamicSearchRules',
  'network',
  'getTaskDocumentsRoute',
  'taskQueueCompactionRoute',
  'compositeEmbedders',
  'chatCompletions',
  'multimodal',
  'foreignKeys',
  'disableDocumentsFetchQueue',
  'legacySearch',
  'renderRoute',
] as const;

export type FeatureName = (typeof FEATURE_NAMES)[number];

/** The switched-on features. */
export class Features {
  private readonly on = new Set<string>();

  has(name: FeatureName): boolean {
    return this.on.has(name);
  }

  set(name: string, isOn: boolean): void {
    if (isOn) this.on.add(name);
    else this.on.delete(name);
  }

  /** Refuses what needs a feature that is off. */
  demand(name: FeatureName, what: string, spoken: string, discussion: number): void {
    if (this.has(name)) return;
    throw new EngineError(
      'feature_not_enabled',
      `${what} requires enabling the \`${spoken}\` experimental feature. See https://github.com/orgs/meilisearch/discussions/${discussion}`,
    );
  }

  view(): { [key: string]: boolean } {
    return Object.fromEntries(FEATURE_NAMES.map((name) => [name, this.on.has(name)]));
  }
}
