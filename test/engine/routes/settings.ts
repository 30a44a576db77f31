/** Settings routes: the whole and each setting alone. */
import type { Answer, Call, Route } from '../router.ts';
import { decodeSettings, SETTING_RULES, type SettingRule } from '../settings-decode.ts';
import { summarizedView } from '../tasks.ts';
import type { Json, Out } from '../value.ts';

const ROOT = '/indexes/{index}/settings';

export const settingsRoutes: readonly Route[] = [
  { method: 'GET', path: ROOT, action: 'settings.get', handler: getAll },
  {
    method: 'PATCH',
    path: ROOT,
    action: 'settings.update',
    handler: (call) => change(call, decodeSettings(call.json()), false),
  },
  { method: 'DELETE', path: ROOT, action: 'settings.update', handler: resetAll },
  ...SETTING_RULES.flatMap((rule): Route[] => {
    const path = `${ROOT}/${rule.route}`;
    return [
      { method: 'GET', path, action: 'settings.get', handler: (call) => getOne(call, rule) },
      {
        method: rule.method,
        path,
        action: 'settings.update',
        handler: (call) => setOne(call, rule),
      },
      {
        method: 'DELETE',
        path,
        action: 'settings.update',
        handler: (call) => change(call, new Map([[rule.name, null]]), true),
      },
    ];
  }),
];

function getAll(call: Call): Answer {
  const { settings } = call.engine.index(call.indexUid);
  const body: { [key: string]: Out } = Object.fromEntries(settings);
  if (!call.engine.features.has('chatCompletions')) delete body['chat'];
  if (!call.engine.features.has('foreignKeys')) delete body['foreignKeys'];
  return { status: 200, body };
}

function getOne(call: Call, rule: SettingRule): Answer {
  return {
    status: 200,
    body: call.engine.index(call.indexUid).settings.get(rule.name) ?? null,
  };
}

function setOne(call: Call, rule: SettingRule): Answer {
  const value = rule.decode(call.json(), { path: '', code: rule.code });
  return change(call, new Map([[rule.name, value]]), false);
}

function resetAll(call: Call): Answer {
  return change(call, new Map(SETTING_RULES.map((rule) => [rule.name, null])), true);
}

function change(call: Call, given: ReadonlyMap<string, Json>, isDeletion: boolean): Answer {
  const task = call.engine.enqueue(
    {
      type: 'settingsUpdate',
      change: given,
      isDeletion,
      mayCreateIndex: call.access.mayCreateIndexes,
    },
    call.indexUid,
  );
  return { status: 202, body: summarizedView(task) };
}
