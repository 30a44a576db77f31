/** Adding up the figures of one index over its nodes. Pure. */
import { isReservedName } from '../../core/reserved/index.ts';

/** What a node says of an index, sizes in bytes. */
export interface NodeIndexStats {
  readonly numberOfDocuments: number;
  readonly rawDocumentDbSize: number;
  readonly avgDocumentSize: number;
  readonly isIndexing: boolean;
  readonly internalDatabaseSizes?: Readonly<Record<string, number>>;
  readonly numberOfEmbeddings?: number;
  readonly numberOfEmbeddedDocuments?: number;
  readonly fieldDistribution: Readonly<Record<string, number>>;
}

/** The same of the whole index, members in a node's order. */
export type IndexStats = NodeIndexStats;

/** How much of what a node counts is counted: 1 for all of it, 1/2 where another node counts the same. */
export interface CountedPart {
  readonly part: NodeIndexStats;
  readonly share: number;
}

/**
 * Counts of documents and fields, each document once: by the shares of the parts, or `documentCount` where
 * that is known better. Sizes are those of all nodes: copies take up space, too.
 */
export function addIndexStats(
  parts: readonly NodeIndexStats[],
  counted: readonly CountedPart[],
  documentCount?: number,
): IndexStats {
  const sum = (pick: (part: NodeIndexStats) => number | undefined): number =>
    parts.reduce((total, part) => total + (pick(part) ?? 0), 0);
  const once = (pick: (part: NodeIndexStats) => number | undefined): number =>
    Math.round(counted.reduce((total, { part, share }) => total + (pick(part) ?? 0) * share, 0));
  // A copy that is being filled indexes too, which is no client's matter: those that are counted tell.
  const indexing = counted.length === 0 ? parts : counted.map(({ part }) => part);
  const storedCount = sum((part) => part.numberOfDocuments);
  const storedBytes = sum((part) => part.avgDocumentSize * part.numberOfDocuments);
  const has = (name: keyof NodeIndexStats): boolean =>
    parts.some((part) => part[name] !== undefined);
  return {
    numberOfDocuments: documentCount ?? once((part) => part.numberOfDocuments),
    rawDocumentDbSize: sum((part) => part.rawDocumentDbSize),
    avgDocumentSize: storedCount === 0 ? 0 : Math.floor(storedBytes / storedCount),
    isIndexing: indexing.some((part) => part.isIndexing),
    ...(has('internalDatabaseSizes')
      ? { internalDatabaseSizes: addByName(parts.map((part) => part.internalDatabaseSizes ?? {})) }
      : {}),
    ...(has('numberOfEmbeddings')
      ? { numberOfEmbeddings: once((part) => part.numberOfEmbeddings) }
      : {}),
    ...(has('numberOfEmbeddedDocuments')
      ? { numberOfEmbeddedDocuments: once((part) => part.numberOfEmbeddedDocuments) }
      : {}),
    fieldDistribution: fieldsOnce(counted),
  };
}

function fieldsOnce(counted: readonly CountedPart[]): Record<string, number> {
  const scaled = counted.map(({ part, share }) =>
    Object.fromEntries(
      Object.entries(part.fieldDistribution).map(([name, count]) => [name, count * share]),
    ),
  );
  return Object.fromEntries(
    Object.entries(addByName(scaled))
      .filter(([name]) => !isReservedName(name))
      .map(([name, count]) => [name, Math.round(count)]),
  );
}

/** Sums by name, names in the order of their bytes. */
function addByName(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return Object.fromEntries(
    [...sums].sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right))),
  );
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** Bytes as a node writes them for people: the largest fitting unit, at most two decimals. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let place = 0;
  while (value >= 1024 && place < UNITS.length - 1) {
    value /= 1024;
    place += 1;
  }
  return `${Number(value.toFixed(2))} ${UNITS[place]}`;
}
