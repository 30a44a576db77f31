/**
 * Goal: deletions by identifier reach only the nodes that may hold them; deletions by filter, of all
 * documents, and edits reach every node; what a node would refuse is refused before a task exists.
 * Method: the stage; the recorded node answers of questions about filters and scripts are played back.
 */
import * as assert from 'uvu/assert';
import { MiroirError } from '../../../../core/errors.ts';
import { hashPrimaryKey, shardOf } from '../../../../core/placement/index.ts';
import { encodeVersion } from '../../../../core/reserved/index.ts';
import { WriteKind } from '../../../../proto/gen/miroir/write/v1/write.ts';
import {
  handleDocumentDelete,
  handleDocumentDeleteAll,
  handleDocumentDeleteBatch,
  handleDocumentDeleteByFilter,
  handleDocumentEdit,
} from '../../../../sidecar/writes/index.ts';
import { suite } from '../../../kit/suite.ts';
import { makeStage, type Received, replyJson, requestOf, type Stage } from './stage.ts';

const { test, run } = suite('sidecar/writes delete and edit');

const withStage = (body: (stage: Stage) => Promise<void>) => async (): Promise<void> => {
  const stage = await makeStage();
  try {
    await body(stage);
  } finally {
    await stage.close();
  }
};
const mustThrow = async (task: () => Promise<unknown>): Promise<MiroirError> => {
  try {
    await task();
  } catch (error) {
    if (error instanceof MiroirError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const ownerOf = (id: string): string => `n${shardOf(hashPrimaryKey(id), 16) % 3}`;

test(
  'one identifier goes to its owner alone',
  withStage(async (stage) => {
    const reply = await handleDocumentDelete(
      requestOf(''),
      stage.context({ documentId: 'a b', query: 'customMetadata=x' }),
    );
    assert.is(reply.status, 202);
    assert.is(stage.received.length, 1);
    const [received] = stage.received;
    assert.is(received?.node, ownerOf('a b'));
    assert.is(received?.path, '/indexes/m/documents/delete-batch');
    assert.is(received?.body.toString(), '["a b"]');
    assert.is(
      stage.begins[0]?.detailsJson.toString(),
      '{"providedIds":1,"deletedDocuments":null,"originalFilter":null}',
    );
    const task = (await replyJson(reply)) as Record<string, unknown>;
    assert.is(task['type'], 'documentDeletion');
    assert.is(task['customMetadata'], 'x');
  }),
);

test(
  'a batch is split by owner; values that are no texts become the text a node makes of them',
  withStage(async (stage) => {
    const texts = [
      '7',
      '7',
      '1.0',
      '1000.0',
      'true',
      'null',
      '[5]',
      '{"a":1}',
      'é',
      '18446744073709551616'.length > 0 ? '1.8446744073709552e+19' : '',
    ];
    await handleDocumentDeleteBatch(
      requestOf('[7,"7",1.0,1e3,true,null,[5],{"a": 1},"\\u00e9",18446744073709551616]'),
      stage.context(),
    );
    const sent = stage.received.flatMap(({ node, body }) =>
      (JSON.parse(body.toString()) as string[]).map((id) => [id, node]),
    );
    assert.equal(sent.map(([id]) => id).sort(), [...texts].sort());
    for (const [id, node] of sent) assert.is(node, ownerOf(id as string));
    assert.is(stage.begins[0]?.kind, WriteKind.DOCUMENTS_DELETE_BY_ID);
    assert.is(stage.begins[0]?.primaryKeyHashes.length, 80);
    assert.match(stage.begins[0]?.detailsJson.toString() ?? '', /"providedIds":10/);
  }),
);

const BATCH_REFUSALS: readonly (readonly [string, string, string])[] = [
  [
    '{"a":1}',
    'bad_request',
    'Json deserialize error: invalid type: map, expected a sequence at line 1 column 0',
  ],
  [
    '"x"',
    'bad_request',
    'Json deserialize error: invalid type: string "x", expected a sequence at line 1 column 3',
  ],
  [
    '5',
    'bad_request',
    'Json deserialize error: invalid type: integer `5`, expected a sequence at line 1 column 1',
  ],
  [
    '[',
    'malformed_payload',
    'The json payload provided is malformed. `EOF while parsing a list at line 1 column 1`.',
  ],
  ['', 'missing_payload', 'A json payload is missing.'],
];

test(
  'bodies of a batch are refused in the words of a node',
  withStage(async (stage) => {
    for (const [body, code, message] of BATCH_REFUSALS) {
      const error = await mustThrow(() =>
        handleDocumentDeleteBatch(requestOf(body), stage.context()),
      );
      assert.equal([error.code, error.message], [code, message], body);
    }
    const error = await mustThrow(() =>
      handleDocumentDeleteBatch(requestOf('[5]', 'text/plain'), stage.context()),
    );
    assert.is(error.code, 'invalid_content_type');
    assert.is(stage.begins.length, 0);
  }),
);

test(
  'all documents: every node',
  withStage(async (stage) => {
    await handleDocumentDeleteAll(requestOf(''), stage.context());
    assert.equal(stage.received.map(({ node }) => node).sort(), ['n0', 'n1', 'n2']);
    assert.ok(
      stage.received.every(
        ({ method, path }) => method === 'DELETE' && path === '/indexes/m/documents',
      ),
    );
    assert.is(stage.begins[0]?.touchesAllShards, true);
    assert.is(stage.begins[0]?.detailsJson.toString(), '{"deletedDocuments":null}');
  }),
);

const error400 = (code: string, message: string) => ({
  status: 400,
  body: { message, code, type: 'invalid_request', link: '' },
});

test(
  'a filter: syntax is asked of a node, then every node gets it as it came',
  withStage(async (stage) => {
    stage.onNode = ({ path }) =>
      path.endsWith('/fetch')
        ? error400(
            'invalid_document_filter',
            'Attribute `a` is not filterable. This index does not have…',
          )
        : { status: 202, body: { taskUid: 1 } };
    await handleDocumentDeleteByFilter(
      requestOf('{ "filter" : ["a = 1", ["b = 2", "c = \\u00e9"]] }'),
      stage.context(),
    );
    const [probe, ...writes] = stage.received as [Received, ...Received[]];
    assert.is(probe.path, '/indexes/_miroir_node/documents/fetch');
    assert.is(probe.authorization, 'Bearer internal');
    assert.is(writes.length, 3);
    for (const { body } of writes) {
      assert.is(body.toString(), '{"filter":["a = 1",["b = 2","c = é"]]}');
    }
    assert.equal(JSON.parse(stage.begins[0]?.detailsJson.toString() ?? ''), {
      providedIds: 0,
      deletedDocuments: null,
      originalFilter: '["a = 1",["b = 2","c = é"]]',
    });
  }),
);

const FILTER_REFUSALS: readonly (readonly [string, string, string])[] = [
  ['{}', 'missing_document_filter', 'Missing field `filter`'],
  ['{"filter":""}', 'invalid_document_filter', 'Sending an empty filter is forbidden.'],
  ['{"filter":[[]," "]}', 'invalid_document_filter', 'Sending an empty filter is forbidden.'],
  [
    '{"filter":null}',
    'invalid_document_filter',
    'Invalid syntax for the filter parameter: `expected String, Array, found: null`.',
  ],
  [
    '{"filter":5}',
    'invalid_document_filter',
    'Invalid syntax for the filter parameter: `expected String, Array, found: 5`.',
  ],
  ['{"filter":"x = 1","y":2}', 'bad_request', 'Unknown field `y`: expected one of `filter`'],
  ['[]', 'bad_request', 'Invalid value type: expected an object, but found an array: `[]`'],
  [
    '{"filter":"bad ="}',
    'invalid_document_filter',
    'Was expecting a value but instead got nothing.\n6:6 bad =',
  ],
];

test(
  'filters are refused in the words of a node, without a task',
  withStage(async (stage) => {
    stage.onNode = () =>
      error400(
        'invalid_document_filter',
        'Was expecting a value but instead got nothing.\n6:6 bad =',
      );
    for (const [body, code, message] of FILTER_REFUSALS) {
      const error = await mustThrow(() =>
        handleDocumentDeleteByFilter(requestOf(body), stage.context()),
      );
      assert.equal([error.code, error.message], [code, message], body);
    }
    assert.is(stage.begins.length, 0);
  }),
);

test(
  'a filter may not name fields of our own; a value may hold the words',
  withStage(async (stage) => {
    stage.onNode = ({ path }) =>
      path.endsWith('/fetch') ? { status: 200, body: {} } : { status: 202, body: { taskUid: 1 } };
    for (const filter of [
      '_miroir_shard = a',
      'x = 1 AND "_miroir_version" > 2',
      "NOT '_miroir_x' EXISTS",
      'a = 1 OR (_miroir_x = 2)',
    ]) {
      const error = await mustThrow(() =>
        handleDocumentDeleteByFilter(requestOf(JSON.stringify({ filter })), stage.context()),
      );
      assert.is(error.code, 'miroir_reserved_field', filter);
    }
    for (const filter of [
      'x = "_miroir_shard"',
      'x IN [\'_miroir_a\', "_miroir_b"]',
      'x != "a _miroir_"',
    ]) {
      const reply = await handleDocumentDeleteByFilter(
        requestOf(JSON.stringify({ filter })),
        stage.context(),
      );
      assert.is(reply.status, 202, filter);
    }
  }),
);

test(
  'an edit is tried with a context that makes it harmless, then sent with the version first',
  withStage(async (stage) => {
    stage.onNode = ({ body }) =>
      body.toString().includes('"context":5')
        ? error400('invalid_document_edition_context', 'The context must be an object')
        : { status: 202, body: { taskUid: 1 } };
    await handleDocumentEdit(
      requestOf('{"function":"doc.x = 1","context":{"n":1.0},"filter":"a = 1"}'),
      stage.context(),
    );
    const [, ...writes] = stage.received;
    assert.is(writes.length, 3);
    for (const { body, path } of writes) {
      assert.is(path, '/indexes/m/documents/edit');
      assert.equal(JSON.parse(body.toString()), {
        filter: 'a = 1',
        context: { n: 1 },
        function: `doc._miroir_version = "${encodeVersion({ seq: 42, position: 0 })}"; doc.x = 1`,
      });
    }
    assert.is(
      stage.begins[0]?.detailsJson.toString(),
      '{"editedDocuments":null,"deletedDocuments":null,"originalFilter":"\\"a = 1\\"","context":{"n":1.0},"function":"doc.x = 1"}',
    );
  }),
);

test(
  'what a node refuses about an edit is passed on; reserved names and bad contexts are refused',
  withStage(async (stage) => {
    const said = error400(
      'feature_not_enabled',
      'Using the documents edit route requires enabling…',
    );
    stage.onNode = () => said;
    const reply = await handleDocumentEdit(requestOf('{"function":"doc.x = 1"}'), stage.context());
    assert.is(reply.status, 400);
    assert.equal(await replyJson(reply), said.body);
    stage.onNode = () =>
      error400('invalid_document_edition_context', 'The context must be an object');
    const refusals: readonly (readonly [string, string])[] = [
      ['{"function":"doc._miroir_shard = 1"}', 'miroir_reserved_field'],
      ['{"function":"doc.x = 1","context":5}', 'invalid_document_edition_context'],
      ['{"function":"doc.x = 1","context":[1]}', 'invalid_document_edition_context'],
      ['{"function":5}', 'invalid_document_edition_function_filter'],
      ['{"filter":"id = 1"}', 'missing_document_edition_function'],
    ];
    for (const [body, code] of refusals) {
      const error = await mustThrow(() => handleDocumentEdit(requestOf(body), stage.context()));
      assert.is(error.code, code, body);
    }
    assert.is(stage.begins.length, 0);
  }),
);

run();
