/**
 * Goal: documents whose `_vectors` or `_geo` a node fails on are found beforehand, with its words.
 * Method: a table of values; every expected text was answered by a real node.
 */
import * as assert from 'uvu/assert';
import { splitPayload } from '../../../kit/split.ts';
import { suite } from '../../../kit/suite.ts';

const { test, run } = suite('core/documents/value-faults');

function verdict(member: string): string {
  const { result } = splitPayload(`[{"id":7,${member}}]`, { checksGeo: true });
  return result.kind === 'task-failed'
    ? `${result.failure.code} ${result.failure.message}`
    : result.kind;
}

const CONF =
  'invalid_vectors_type Index `m`: Bad embedder configuration in the document with id: `7`. ';
const KIND = `${CONF}Expected \`._vectors.a\` to be an array of floats, an array of arrays of floats, or an object with at least the field \`regenerate\`, but got the `;
const MISSING = `${CONF}Missing field \`._vectors.a.regenerate\`\n  - note: \`._vectors.a\` must be an array of floats, an array of arrays of floats, or an object with field \`regenerate\``;

const VECTORS: readonly (readonly [string, string])[] = [
  ['5', 'internal Index `m`: invalid type: integer `5`, expected a map at line 1 column 1'],
  ['null', 'internal Index `m`: invalid type: null, expected a map at line 1 column 4'],
  ['[]', 'internal Index `m`: invalid type: sequence, expected a map at line 1 column 0'],
  ['{}', 'ok'],
  ['{"a":null}', 'ok'],
  ['{"a":["x"]}', 'ok'],
  ['{"a":5}', `${KIND}integer \`5\``],
  ['{"a":-5}', `${KIND}integer \`-5\``],
  ['{"a":1.0}', `${KIND}number \`1\``],
  ['{"a":1e20}', `${KIND}number \`100000000000000000000\``],
  ['{"a":true}', `${KIND}boolean \`true\``],
  ['{"a":"x\\ny"}', `${KIND}string \`x\ny\``],
  ['{"a":{}}', MISSING],
  ['{"a":{"embeddings":[1]}}', MISSING],
  ['{"a":{"regenerate":true}}', 'ok'],
  ['{"a":{"embeddings":5,"regenerate":false}}', 'ok'],
  ['{"a":{"regenerate":true,"regenerate":false}}', 'ok'],
  [
    '{"a":{"regenerate":"x"}}',
    `${CONF}Could not parse \`._vectors.a.regenerate\`: invalid type: string "x", expected a boolean at line 1 column 17`,
  ],
  [
    '{"a":{"regenerate":null}}',
    `${CONF}Could not parse \`._vectors.a.regenerate\`: invalid type: null, expected a boolean at line 1 column 18`,
  ],
  [
    '{"a":{"regenerate":5,"embeddings":null}}',
    `${CONF}Could not parse \`._vectors.a\`: trailing comma at line 1 column 16`,
  ],
  [
    '{"a":{"foo":1}}',
    `${CONF}Could not parse \`._vectors.a\`: trailing characters at line 1 column 7`,
  ],
  [
    '{"a":{"regenerate":true,"foo":1}}',
    `${CONF}Could not parse \`._vectors.a\`: trailing characters at line 1 column 25`,
  ],
  ['{"b":[1],"a":5}', `${KIND}integer \`5\``],
  ['{"a":5,"a":[1]}', 'ok'],
];

test('vectors', () => {
  for (const [value, expected] of VECTORS)
    assert.is(verdict(`"_vectors":${value}`), expected, value);
});

const GEO = 'invalid_document_geo_field Index `m`: ';
const LATITUDE = `${GEO}Could not parse latitude in the document with the id: \`"7"\`. Was expecting a finite number but instead got `;

const PLACES: readonly (readonly [string, string])[] = [
  ['null', 'ok'],
  ['{"lat":1,"lng":2}', 'ok'],
  ['{ "lng" : -1.50 , "lat":2 }', 'ok'],
  ['{"lat":200,"lng":2000}', 'ok'],
  ['{"lat":"+1","lng":".5"}', 'ok'],
  [
    '5',
    `${GEO}The \`_geo\` field in the document with the id: \`"7"\` is not an object. Was expecting an object with the \`_geo.lat\` and \`_geo.lng\` fields but instead got \`5\`.`,
  ],
  [
    '{}',
    `${GEO}Could not find latitude nor longitude in the document with the id: \`"7"\`. Was expecting \`_geo.lat\` and \`_geo.lng\` fields.`,
  ],
  [
    '{"lat":1,"x":3}',
    `${GEO}Could not find longitude in the document with the id: \`"7"\`. Was expecting a \`_geo.lng\` field.`,
  ],
  [
    '{"lng":1}',
    `${GEO}Could not find latitude in the document with the id: \`"7"\`. Was expecting a \`_geo.lat\` field.`,
  ],
  ['{"lat":null,"lng":2}', `${LATITUDE}\`null\`.`],
  ['{"lat":"inf","lng":2}', `${LATITUDE}\`"inf"\`.`],
  ['{"lat":"","lng":1}', `${LATITUDE}\`""\`.`],
  [
    '{"lat":true,"lng":[1]}',
    `${GEO}Could not parse latitude nor longitude in the document with the id: \`"7"\`. Was expecting finite numbers but instead got \`true\` and \`[1]\`.`,
  ],
  [
    '{"lat":1,"lng":2,"x":3,"y":[1.0]}',
    `${GEO}The \`_geo\` field in the document with the id: \`"7"\` contains the following unexpected fields: \`{"y":[1.0],"x":3}\`.`,
  ],
  [
    '{"a":1,"lat":1,"b":2,"lng":3}',
    `${GEO}The \`_geo\` field in the document with the id: \`"7"\` contains the following unexpected fields: \`{"a":1,"b":2}\`.`,
  ],
  [
    '{"lat":1e999,"lng":2}',
    'internal Index `m`: internal: number out of range at line 1 column 12.',
  ],
];

test('places', () => {
  for (const [value, expected] of PLACES) assert.is(verdict(`"_geo":${value}`), expected, value);
});

test('places do not matter where the index does not look at them', () => {
  assert.is(splitPayload('[{"id":7,"_geo":5}]').result.kind, 'ok');
});

run();
