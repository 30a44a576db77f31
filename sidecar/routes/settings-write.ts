/**
 * Changes of settings. A node judges the change before it takes its place in the lane: it is sent the
 * change with one embedder more that no node accepts, under a name that sorts last. An error about that
 * one says that everything else is right; any other error is the client's. Nothing can come of the
 * question, since it always fails, and it needs no more rights than the change itself.
 */
import { MiroirError } from '../../core/errors.ts';
import { decodeObject } from '../../core/json/slice.ts';
import { findReservedSetting } from '../../core/settings/index.ts';
import { WriteKind } from '../../proto/gen/miroir/write/v1/write.ts';
import { mayCreateIndex } from '../auth/access.ts';
import type { GatewayReply } from '../http/exchange.ts';
import { type Answered, askAnyNode, relay } from './ask.ts';
import { beginControlWrite } from './begin.ts';
import { readBody, requireJsonType } from './body.ts';
import type { RouteContext, RouteHandler } from './context.ts';
import { parseJsonBody } from './json-body.ts';
import { indexPath } from './missing-index.ts';
import { bytesReply } from './reply.ts';
import { reservedField } from './reserved-names.ts';
import { SETTING_NAMES, type SettingName } from './settings-names.ts';
import { parseIndexUid, refuseReservedUid } from './uid.ts';

/** The greatest code point: sorts after every other name. */
const PROBE_NAME = '\u{10ffff}miroir';
const PROBE_CODE = '"code":"invalid_settings_embedders"';
const PROBE = `"${PROBE_NAME}":{"source":"rest"}`;

/** PATCH /indexes/{uid}/settings. */
export async function updateSettings(context: RouteContext): Promise<GatewayReply> {
  requireJsonType(context.request);
  const body = await readBody(context.request);
  const change = parseJsonBody(body);
  const refusal = await judgeChange(context, { probe: probeWhole(body, change), change });
  if (refusal !== undefined) return refusal;
  refuseForeignKeys(change as Change);
  return beginChange(context, change as Change, 'update');
}

/** PUT or PATCH of one setting. */
export function updateSetting(name: SettingName): RouteHandler {
  return async (context) => {
    requireJsonType(context.request);
    const body = await readBody(context.request);
    const value = parseJsonBody(body);
    const change = { [name.key]: value };
    const refusal = await judgeChange(context, {
      probe: probeOne(name, body, value),
      change,
      name,
    });
    if (refusal !== undefined) return refusal;
    refuseForeignKeys(change);
    return beginChange(context, change, 'update');
  };
}

/** DELETE /indexes/{uid}/settings. */
export async function resetSettings(context: RouteContext): Promise<GatewayReply> {
  const resettable = SETTING_NAMES.filter(({ key }) => key !== 'chat' && key !== 'foreignKeys');
  const change = Object.fromEntries(resettable.map(({ key }) => [key, null]));
  return beginChange(context, change, 'reset');
}

/** DELETE of one setting. */
export function resetSetting(name: SettingName): RouteHandler {
  return (context) => beginChange(context, { [name.key]: null }, 'reset');
}

type Change = Readonly<Record<string, unknown>>;

/** A node follows foreign keys to its own part of the other index: most documents would not be found. */
function refuseForeignKeys(change: Change): void {
  const keys = change['foreignKeys'];
  if (!Array.isArray(keys) || keys.length === 0) return;
  throw new MiroirError(
    'miroir_not_shardable',
    '`foreignKeys` are followed by each node to its own documents only, while those of the other index may be on any node. Search the other index first, and filter by the ids it answers.',
  );
}

/** Takes a place in the lane. A reset never creates the index. */
async function beginChange(
  context: RouteContext,
  change: Change,
  manner: 'update' | 'reset',
): Promise<GatewayReply> {
  const uid = parseIndexUid(context.params['index_uid'] ?? '');
  refuseReservedUid(uid);
  const reserved = findReservedSetting(change);
  if (reserved !== undefined) throw reservedField(reserved);
  return beginControlWrite(context, {
    kind: WriteKind.SETTINGS_UPDATE,
    indexUid: uid,
    taskType: 'settingsUpdate',
    details: change,
    bodyJson: JSON.stringify(change),
    mayCreateIndex: manner === 'update' && mayCreateIndex(context.access, uid),
  });
}

/** The refusal the client's own request would get; undefined if a node finds nothing wrong. */
async function judgeChange(
  context: RouteContext,
  judged: { readonly probe: string; readonly change: unknown; readonly name?: SettingName },
): Promise<GatewayReply | undefined> {
  const { probe, change, name } = judged;
  const answer = await askAnyNode(context, {
    method: 'PATCH',
    path: indexPath(context.params['index_uid'] ?? '', 'settings'),
    body: probe,
  });
  const text = Buffer.from(answer.body).toString('utf8');
  if (answer.status >= 500) return relay(context, answer);
  const isProbeAlone = isObject(change) && (change['embedders'] ?? null) === null;
  // Nodes differ in how they name the embedder; where it is the only one, its error is known by its code.
  if (text.includes(PROBE_NAME)) return undefined;
  if (isProbeAlone && text.includes(PROBE_CODE)) return undefined;
  if (name === undefined) return relay(context, answer);
  return relocated(context, answer, name);
}

/** The client's body with the probe in it; an object's text keeps every byte the client sent. */
function probeWhole(body: Buffer, change: unknown): string {
  if (!isObject(change)) return body.toString('utf8');
  const { embedders } = change;
  if (embedders !== undefined && embedders !== null && !isObject(embedders)) {
    return body.toString('utf8');
  }
  const theirs = isObject(embedders) ? JSON.stringify(embedders) : '{}';
  // Of duplicate keys the last wins, so this one stands for the client's own.
  return append(body.toString('utf8'), change, `"embedders":${append(theirs, embedders, PROBE)}`);
}

/** One setting's body as a member of the whole settings, with the probe beside it. */
function probeOne(name: SettingName, body: Buffer, value: unknown): string {
  const text = body.toString('utf8');
  if (name.key !== 'embedders') return `{"${name.key}":${text},"embedders":{${PROBE}}}`;
  if (value === null) return `{"embedders":{${PROBE}}}`;
  return `{"embedders":${isObject(value) ? append(text, value, PROBE) : text}}`;
}

/** The text of an object with one member more at its end. */
function append(text: string, object: unknown, member: string): string {
  const end = text.lastIndexOf('}');
  const isEmpty = !isObject(object) || Object.keys(object).length === 0;
  return `${text.slice(0, end)}${isEmpty ? '' : ','}${member}}`;
}

/** A refusal of the whole settings in the words of one setting's route: places lose its name. */
function relocated(context: RouteContext, answer: Answered, name: SettingName): GatewayReply {
  const said = decodeObject(answer.body);
  const message = String(said['message'])
    .replaceAll(new RegExp(` (at|inside) \`\\.${name.key}\``, 'g'), '')
    .replaceAll(new RegExp(` (at|inside) \`\\.${name.key}([.[])`, 'g'), ' $1 `$2');
  const body = Buffer.from(JSON.stringify({ ...said, message }));
  return bytesReply(context.template, answer.status, [body]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
