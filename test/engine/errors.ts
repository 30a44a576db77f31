/** Errors as a node answers them: {message, code, type, link} and the HTTP status of the code. */

/** Status of codes that are not a plain 400 invalid_request. */
const STATUS: ReadonlyMap<string, number> = new Map([
  ['api_key_not_found', 404],
  ['batch_not_found', 404],
  ['document_not_found', 404],
  ['dynamic_search_rule_not_found', 404],
  ['index_already_exists', 409],
  ['api_key_already_exists', 409],
  ['index_not_found', 404],
  ['internal', 500],
  ['invalid_api_key', 403],
  ['invalid_content_type', 415],
  ['missing_authorization_header', 401],
  ['missing_content_type', 415],
  ['missing_master_key', 401],
  ['payload_too_large', 413],
  ['requires_enterprise_edition', 451],
  ['task_file_not_found', 404],
  ['task_not_found', 404],
  ['too_many_search_requests', 503],
  ['webhook_not_found', 404],
]);

const TYPES: ReadonlyMap<string, string> = new Map([
  ['internal', 'internal'],
  ['invalid_api_key', 'auth'],
  ['missing_authorization_header', 'auth'],
  ['missing_master_key', 'auth'],
  ['too_many_search_requests', 'system'],
]);

/** The error object of an answer or a task. */
export interface ErrorBody {
  readonly [key: string]: string;
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly link: string;
}

/** What a request or a task fails with. */
export class EngineError extends Error {
  override name = 'EngineError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return STATUS.get(this.code) ?? 400;
  }

  get body(): ErrorBody {
    return {
      message: this.message,
      code: this.code,
      type: TYPES.get(this.code) ?? 'invalid_request',
      link: `https://docs.meilisearch.com/errors#${this.code}`,
    };
  }
}

/** The error for an index that is not there. */
export function indexNotFound(uid: string): EngineError {
  return new EngineError('index_not_found', `Index \`${uid}\` not found.`);
}
