/**
 * The one table of errors that Miroir itself answers with: code -> type and HTTP status.
 * Shape and codes are Meilisearch's ({message, code, type, link}), plus our own `miroir_*` codes.
 * An error body that a node made passes byte for byte and does not come through here.
 */

/** What Meilisearch calls the type of an error. */
export type ErrorType = 'invalid_request' | 'internal' | 'auth' | 'system';

interface ErrorRow {
  readonly type: ErrorType;
  readonly status: number;
  /** What it means and what to do, for our own codes; Meilisearch documents its own. */
  readonly meaning?: string;
}

const invalid = (status = 400): ErrorRow => ({ type: 'invalid_request', status });
const auth = (status: number): ErrorRow => ({ type: 'auth', status });
const system = (status: number): ErrorRow => ({ type: 'system', status });
const own = (row: ErrorRow, meaning: string): ErrorRow => ({ ...row, meaning });

/** Every code we may answer with. Documented one by one in docs/reference/errors.md. */
export const ERRORS = {
  // Meilisearch's own (crates/meilisearch-types/src/error.rs)
  bad_request: invalid(),
  missing_authorization_header: auth(401),
  missing_master_key: auth(401),
  invalid_api_key: auth(403),
  missing_content_type: invalid(415),
  invalid_content_type: invalid(415),
  missing_payload: invalid(),
  malformed_payload: invalid(),
  payload_too_large: invalid(413),
  invalid_index_uid: invalid(),
  invalid_index_primary_key: invalid(),
  invalid_index_offset: invalid(),
  invalid_index_limit: invalid(),
  missing_index_uid: invalid(),
  immutable_index_created_at: invalid(),
  immutable_index_updated_at: invalid(),
  index_not_found: invalid(404),
  index_already_exists: invalid(409),
  index_primary_key_already_exists: invalid(),
  index_primary_key_no_candidate_found: invalid(),
  index_primary_key_multiple_candidates_found: invalid(),
  document_not_found: invalid(404),
  invalid_document_id: invalid(),
  missing_document_id: invalid(),
  invalid_vectors_type: invalid(),
  invalid_document_csv_delimiter: invalid(),
  invalid_document_fields: invalid(),
  invalid_document_filter: invalid(),
  invalid_document_ids: invalid(),
  invalid_document_limit: invalid(),
  invalid_document_offset: invalid(),
  invalid_document_retrieve_vectors: invalid(),
  invalid_document_sort: invalid(),
  missing_document_filter: invalid(),
  missing_document_edition_function: invalid(),
  invalid_document_edition_context: invalid(),
  invalid_document_edition_function_filter: invalid(),
  invalid_skip_creation: invalid(),
  max_fields_limit_exceeded: invalid(),
  task_not_found: invalid(404),
  task_file_not_found: invalid(404),
  batch_not_found: invalid(404),
  invalid_task_uids: invalid(),
  invalid_task_canceled_by: invalid(),
  invalid_task_types: invalid(),
  invalid_task_statuses: invalid(),
  invalid_task_limit: invalid(),
  invalid_task_from: invalid(),
  invalid_task_reverse: invalid(),
  invalid_task_before_enqueued_at: invalid(),
  invalid_task_after_enqueued_at: invalid(),
  invalid_task_before_started_at: invalid(),
  invalid_task_after_started_at: invalid(),
  invalid_task_before_finished_at: invalid(),
  invalid_task_after_finished_at: invalid(),
  invalid_search_facets: invalid(),
  invalid_multi_search_facet_order: invalid(),
  invalid_multi_search_query_ranking_rules: invalid(),
  invalid_search_limit: invalid(),
  invalid_search_offset: invalid(),
  invalid_search_page: invalid(),
  invalid_search_hits_per_page: invalid(),
  invalid_swap_indexes: invalid(),
  missing_swap_indexes: invalid(),
  api_key_already_exists: invalid(409),
  api_key_not_found: invalid(404),
  invalid_swap_duplicate_index_found: invalid(),
  invalid_swap_rename: invalid(),
  invalid_stats_size_format: invalid(),
  invalid_stats_show_internal_database_sizes: invalid(),
  missing_task_filters: invalid(),
  feature_not_enabled: invalid(),
  unretrievable_document: invalid(),
  invalid_batch_uids: invalid(),
  invalid_document_geo_field: invalid(),
  not_found_similar_id: invalid(),
  unsupported_media_type: invalid(415),
  too_many_open_files: system(422),
  no_space_left_on_device: system(422),
  internal: { type: 'internal', status: 500 },
  too_many_search_requests: system(503),
  // Miroir's own
  miroir_no_quorum: own(
    system(503),
    'Too few copies of some shard took the write for it to be acknowledged. The message says whether nodes may have it all the same; its task tells what became of it.',
  ),
  miroir_shard_unavailable: own(
    system(503),
    'No in-sync copy of some shard could be read, and the policy is `error` (`X-Miroir-Partial` or `reads.on_missing_shards`).',
  ),
  miroir_control_unavailable: own(
    system(503),
    'The control service cannot be reached: writes and tasks wait for it, searches go on. Try again after `Retry-After` seconds.',
  ),
  miroir_gateway_unavailable: own(
    system(503),
    'The gateway has no worker to serve the request, or the worker holds no view of the cluster yet.',
  ),
  miroir_storage_full: own(
    system(503),
    'The gateway or the control service has no space left for the write. Nothing of it was written; searches go on.',
  ),
  miroir_overloaded: own(system(503), 'More requests wait than are allowed to. Try again later.'),
  miroir_node_timeout: own(
    system(504),
    'A node did not answer within the deadline (`reads.timeout_ms` for reads).',
  ),
  miroir_reserved_field: own(
    invalid(),
    'Names beginning with `_miroir_` belong to the gateway and can neither be stored nor asked for.',
  ),
  miroir_not_implemented: own(
    system(501),
    'The route exists in Meilisearch but not yet in Miroir. The message names it.',
  ),
  miroir_not_shardable: own(
    invalid(),
    'The request cannot be answered rightly on an index that lives on several nodes. The message says what to do instead.',
  ),
  miroir_not_found: own(invalid(404), 'There is no such route under `/_miroir/`.'),
  miroir_admin_token_required: own(
    auth(403),
    'The route needs the admin token as bearer: `Authorization: Bearer <admin token>`.',
  ),
  miroir_too_many_attempts: own(
    auth(429),
    'Too many calls with a wrong admin token came from this address. Try again in a minute.',
  ),
  miroir_invalid_request: own(
    invalid(),
    'A call of the admin API is wrong in itself. The message says which field and what it takes.',
  ),
  miroir_node_not_found: own(invalid(404), 'The cluster has no node of this id.'),
  miroir_node_exists: own(invalid(409), 'Another node has this id or this address.'),
  miroir_node_refused: own(
    invalid(409),
    'The node answers and must not be used: it belongs to another cluster, holds indexes, runs another version or does not accept the master key. The message says which.',
  ),
  miroir_node_in_use: own(
    invalid(409),
    'The node owns copies or has work under way. The message says what to do first.',
  ),
  miroir_job_not_found: own(
    invalid(404),
    'There is no such job, or it is over and was forgotten: the newest 1,000 are kept.',
  ),
  miroir_job_state: own(
    invalid(409),
    'The job, or what it is about, is in a state in which this cannot be done. The message says why.',
  ),
  miroir_replica_state: own(
    invalid(409),
    'The replicas of control are in a state in which this cannot be done. The message says why.',
  ),
  miroir_deadline_exceeded: own(
    system(504),
    'A call of the admin API took longer than its deadline; 30 s if the caller gave none. A change may have been made all the same: the audit tells.',
  ),
  miroir_write_abandoned: own(
    system(503),
    'As the error of a task: the write was given up before it reached the nodes, and changed nothing. As an answer: the write took too long to be confirmed, and the message says whether nodes may have it.',
  ),
} as const satisfies Record<string, ErrorRow>;

/** A code of the table above. */
export type ErrorCode = keyof typeof ERRORS;

/** What the client must see. Thrown anywhere on a request's way and rendered once, at its end. */
export class MiroirError extends Error {
  override name = 'MiroirError';
  readonly code: ErrorCode;
  /** Seconds for a Retry-After header, if trying again may help. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** Meilisearch's error object. */
export interface ErrorBody {
  readonly message: string;
  readonly code: string;
  readonly type: ErrorType;
  readonly link: string;
}

/** Renders an error as Meilisearch would; our own codes link to our own page. */
export function errorBody(code: ErrorCode, message: string): ErrorBody {
  return { message, code, type: ERRORS[code].type, link: errorLink(code) };
}

function errorLink(code: ErrorCode): string {
  return code.startsWith('miroir_')
    ? `https://github.com/miroir/miroir/blob/main/docs/reference/errors.md#${code}`
    : `https://docs.meilisearch.com/errors#${code}`;
}
