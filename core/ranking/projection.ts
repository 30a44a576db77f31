/**
 * What a client sees of a hit. Nodes display every attribute and are asked for more than the client
 * wants (internal fields, scores, the distinct field); a Projection says what remains, worked out once
 * per request from the body and the user's displayedAttributes (architecture section 1).
 */
import { isReservedName } from '../reserved/index.ts';
import { isCovered } from './select.ts';
import type { JsonObject, RankedIndex } from './types.ts';

/** What writeHit keeps. Internal fields never remain. */
export interface Projection {
  /** Fields of the document; undefined: all. */
  readonly fields: readonly string[] | undefined;
  /** Fields of `_formatted`; undefined: all. */
  readonly formattedFields: readonly string[] | undefined;
  /** Fields to be highlighted or cropped, `*` among them for all; empty: no `_formatted`. */
  readonly formatsFor: readonly string[];
  /** The user's displayedAttributes if they hide anything. */
  readonly displayed: readonly string[] | undefined;
  readonly keepsScore: boolean;
  readonly keepsDetails: boolean;
  /** Of the details only the similarity, as the one rule there is. */
  readonly isBySimilarity?: boolean;
  readonly keepsGeoDistance: boolean;
  /** `_vectors` was asked for and may be shown; else it is a field like others. */
  readonly keepsVectors: boolean;
  /** False where the gateway writes `_federation` itself. */
  readonly keepsFederation?: boolean;
}

/** Takes away internal fields alone: for answers to the client's own body. */
export const EVERYTHING: Projection = {
  fields: undefined,
  formattedFields: undefined,
  formatsFor: [],
  displayed: undefined,
  keepsScore: true,
  keepsDetails: true,
  keepsGeoDistance: true,
  keepsVectors: true,
};

/** The user's displayedAttributes, or undefined if everything is displayed. */
export function displayedAttributes(settings: JsonObject): readonly string[] | undefined {
  const displayed = settings['displayedAttributes'];
  return isTextArray(displayed) && !displayed.includes('*') ? displayed : undefined;
}

/** Whether a value is an array of strings: what list parameters must be. */
export function isTextArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/**
 * The fields that a list asks for and that may be displayed; undefined means all. `*` in a list, and an
 * absent list, mean everything displayed.
 */
export function visibleFields(
  wanted: unknown,
  displayed: readonly string[] | undefined,
): readonly string[] | undefined {
  if (!isTextArray(wanted) || wanted.includes('*')) return displayed;
  const named = wanted.filter((name) => !isReservedName(name));
  // A node compares names as they are: with `a` displayed, `a.b` cannot be asked for by itself.
  return displayed === undefined ? named : named.filter((name) => displayed.includes(name));
}

/** The fields that a search names, itself or by the user's settings. */
export function namedFields(body: JsonObject, settings: JsonObject): readonly string[] {
  return visibleFields(body['attributesToRetrieve'], displayedAttributes(settings)) ?? [];
}

/** The members that nodes must show whole, so that every node shows what lies inside alike. */
export function wholeMembers(
  { fields }: { readonly fields: readonly string[] | undefined },
  { seenNested }: RankedIndex,
): readonly string[] {
  const nested = fields?.filter((name) => seenNested?.has(name) === true) ?? [];
  return nested.map((name) => name.slice(0, name.indexOf('.')));
}

/** Splits an entry of attributesToCrop into name and the part from the last colon on. */
export function splitCrop(entry: string): { name: string; suffix: string } {
  const colon = entry.lastIndexOf(':');
  return colon < 0
    ? { name: entry, suffix: '' }
    : { name: entry.slice(0, colon), suffix: entry.slice(colon) };
}

/** The projection of a search body. */
export function searchProjection(body: JsonObject, settings: JsonObject): Projection {
  const displayed = displayedAttributes(settings);
  const fields = visibleFields(body['attributesToRetrieve'], displayed);
  const highlighted = body['attributesToHighlight'];
  const cropped = body['attributesToCrop'];
  const named = [
    ...(isTextArray(highlighted) ? highlighted : []),
    ...(isTextArray(cropped) ? cropped.map((entry) => splitCrop(entry).name) : []),
  ];
  const formatted = [...(fields ?? []), ...named.filter((name) => name !== '*')];
  const isAllFormatted = fields === undefined || named.includes('*');
  return {
    fields,
    formattedFields: isAllFormatted
      ? displayed
      : formatted.filter((name) => displayed === undefined || displayed.includes(name)),
    formatsFor: named.filter((name) => {
      return name === '*' || displayed === undefined || displayed.includes(name);
    }),
    displayed,
    keepsScore: body['showRankingScore'] === true,
    keepsDetails: body['showRankingScoreDetails'] === true,
    keepsGeoDistance: fields === undefined || isCovered('_geo', fields),
    keepsVectors: body['retrieveVectors'] === true && showsVectors(settings, displayed),
  };
}

/**
 * Whether `_vectors` shows under displayedAttributes. The engine takes the list the wrong way round where
 * documents bring vectors of their own, and so makes a field of `_vectors`.
 */
function showsVectors(settings: JsonObject, displayed: readonly string[] | undefined): boolean {
  if (displayed === undefined) return true;
  const embedders = Object.values((settings['embedders'] ?? {}) as JsonObject);
  const isField = embedders.some((embedder) => {
    return (embedder as JsonObject | null)?.['source'] === 'userProvided';
  });
  return displayed.includes('_vectors') !== isField;
}

/**
 * The lists to send to a node in place of the client's, so that it shows what the client may see and
 * what the merge needs. Lists of a wrong type pass as they are: the node refuses them.
 */
export function nodeLists(
  body: JsonObject,
  projection: Projection,
  needed: readonly string[],
): Record<string, unknown> {
  const lists: Record<string, unknown> = {};
  const { displayed, fields } = projection;
  const wanted = body['attributesToRetrieve'];
  if (fields !== undefined && (wanted === undefined || wanted === null || isTextArray(wanted))) {
    lists['attributesToRetrieve'] = [...new Set([...fields, ...needed])];
  }
  if (displayed === undefined) return lists;
  const highlighted = body['attributesToHighlight'];
  if (isTextArray(highlighted)) {
    lists['attributesToHighlight'] = highlighted.flatMap((name) =>
      name === '*' ? displayed : displayed.includes(name) ? [name] : [],
    );
  }
  const cropped = body['attributesToCrop'];
  if (isTextArray(cropped)) {
    lists['attributesToCrop'] = cropped.flatMap((entry) => {
      const { name, suffix } = splitCrop(entry);
      if (name === '*') return displayed.map((shown) => shown + suffix);
      return displayed.includes(name) ? [entry] : [];
    });
  }
  return lists;
}
