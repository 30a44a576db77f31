/** Fields with a meaning of their own: `_geo` and `_vectors` are checked when a document is indexed. */
import { EngineError } from './errors.ts';
import { nameType } from './payload.ts';
import { textList } from './settings.ts';
import type { IndexStore } from './store.ts';
import { type Json, type JsonObject, numberOf, printJson } from './value.ts';

/** Refuses a document whose reserved fields a node would refuse. */
export function checkReserved(index: IndexStore, document: JsonObject, id: string): void {
  const prefix = `Index \`${index.uid}\`: `;
  const vectors = document.get('_vectors');
  if (vectors !== undefined && !(vectors instanceof Map)) {
    const column = Array.isArray(vectors) ? 0 : printJson(vectors).length;
    throw new EngineError(
      'internal',
      `${prefix}invalid type: ${nameType(vectors)}, expected a map at line 1 column ${column}`,
    );
  }
  const geo = document.get('_geo');
  if (geo === undefined || geo === null || !usesGeo(index)) return;
  const complaint = complainGeo(geo, `\`"${id}"\``);
  if (complaint !== undefined) {
    throw new EngineError('invalid_document_geo_field', `${prefix}${complaint}`);
  }
}

function usesGeo(index: IndexStore): boolean {
  return ['filterableAttributes', 'sortableAttributes'].some((name) =>
    textList(index.settings, name).includes('_geo'),
  );
}

const AXES = [
  ['lat', 'latitude'],
  ['lng', 'longitude'],
] as const;

function complainGeo(geo: Json, id: string): string | undefined {
  if (!(geo instanceof Map)) {
    return `The \`_geo\` field in the document with the id: ${id} is not an object. Was expecting an object with the \`_geo.lat\` and \`_geo.lng\` fields but instead got \`${printJson(geo)}\`.`;
  }
  const missing = AXES.filter(([key]) => !geo.has(key));
  if (missing.length === 2) {
    return `Could not find latitude nor longitude in the document with the id: ${id}. Was expecting \`_geo.lat\` and \`_geo.lng\` fields.`;
  }
  for (const [key, name] of missing) {
    return `Could not find ${name} in the document with the id: ${id}. Was expecting a \`_geo.${key}\` field.`;
  }
  const unexpected = new Map([...geo].filter(([key]) => key !== 'lat' && key !== 'lng'));
  if (unexpected.size > 0) {
    return `The \`_geo\` field in the document with the id: ${id} contains the following unexpected fields: \`${printJson(unexpected)}\`.`;
  }
  const wrong = AXES.filter(([key]) => !isCoordinate(geo.get(key) ?? null));
  if (wrong.length === 2) {
    return `Could not parse latitude nor longitude in the document with the id: ${id}. Was expecting finite numbers but instead got \`${printJson(geo.get('lat'))}\` and \`${printJson(geo.get('lng'))}\`.`;
  }
  for (const [key, name] of wrong) {
    return `Could not parse ${name} in the document with the id: ${id}. Was expecting a finite number but instead got \`${printJson(geo.get(key))}\`.`;
  }
  return undefined;
}

function isCoordinate(value: Json): boolean {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : numberOf(value);
  return number !== undefined && Number.isFinite(number);
}
