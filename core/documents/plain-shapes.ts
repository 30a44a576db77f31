/**
 * A quick look at `_vectors` and `_geo` of a scanned document: says yes only to shapes that a node surely
 * takes. All others are for the exact look (value-faults.ts).
 */
import { DocumentScanner } from '../json/scan.ts';

const COORDINATE = '\\s*:\\s*-?\\d{1,3}(?:\\.\\d{1,30})?\\s*';
/** A place as nearly everyone writes it. */
const PLACE = new RegExp(
  `^\\{\\s*(?:"lat"${COORDINATE},\\s*"lng"|"lng"${COORDINATE},\\s*"lat")${COORDINATE}\\}$`,
);
const PLACE_BYTES_MAX = 256;

/** One per payload. */
export class PlainShapes {
  readonly #checksGeo: boolean;
  /** Walks the object in `_vectors`. */
  readonly #vectors = new DocumentScanner([]);

  /** @param checksGeo whether the index filters or sorts by `_geo` */
  constructor(checksGeo: boolean) {
    this.#checksGeo = checksGeo;
  }

  /** Judges the document that `scanner` walked last, in `buffer`, whose byte at `end` is 0. */
  areSure(scanner: DocumentScanner, buffer: Buffer, end: number): boolean {
    const { vectorsStart, geoStart, geoEnd } = scanner;
    if (geoStart >= 0 && this.#checksGeo) {
      if (geoEnd - geoStart > PLACE_BYTES_MAX) return false;
      if (!PLACE.test(buffer.toString('latin1', geoStart, geoEnd))) return false;
    }
    if (vectorsStart < 0) return true;
    if (buffer[vectorsStart] !== 0x7b) return false;
    this.#vectors.scan(buffer, vectorsStart, end);
    return this.#vectors.hasOnlyLists && !this.#vectors.isSuspect;
  }
}
