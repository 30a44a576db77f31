/** AuditService: who changed what. Entries are read from the store, which keeps the newest 10,000. */
import type {
  AuditServiceServer,
  ListAuditEntriesRequest,
} from '../../../proto/gen/miroir/admin/v1/audit.ts';
import { decodeJson, numberedKey, PREFIX } from '../../machine/index.ts';
import type { AuditRecord } from '../../state/index.ts';
import { unary } from './calls.ts';
import { decodeToken, encodeToken, pageSize } from './pages.ts';
import type { ServiceParts } from './parts.ts';

/** Handlers for the gRPC server. */
export function auditHandlers(parts: ServiceParts): Partial<AuditServiceServer> {
  return {
    listAuditEntries: unary(parts, async (request) => {
      await parts.settled();
      const { shown, hasMore, total } = findEntries(parts, request);
      return {
        entries: shown.map((entry) => ({ ...entry, number: BigInt(entry.number) })),
        page: {
          nextToken: hasMore ? encodeToken(String(shown.at(-1)?.number ?? 0)) : '',
          total: BigInt(total),
        },
      };
    }),
  };
}

function findEntries(
  parts: ServiceParts,
  { page, action, actor }: ListAuditEntriesRequest,
): { readonly shown: AuditRecord[]; readonly hasMore: boolean; readonly total: number } {
  const { jobs } = parts.sources.state;
  const isAll = action === '' && actor === '';
  const before = Number(decodeToken(page?.token ?? '') ?? jobs.nextAudit);
  const size = pageSize(page);
  const shown: AuditRecord[] = [];
  let total = 0;
  // Without filters the total is known, and a page needs no look at what is around it.
  for (const entry of auditEntries(parts, isAll ? before : jobs.nextAudit)) {
    if (!isOf(entry, { action, actor })) continue;
    total += 1;
    if (entry.number < before && shown.length <= size) shown.push(entry);
    if (isAll && shown.length > size) break;
  }
  const hasMore = shown.length > size;
  if (hasMore) shown.pop();
  return { shown, hasMore, total: isAll ? jobs.nextAudit - jobs.firstAudit : total };
}

/** Whether an entry is of this call and this caller; empty for any. */
function isOf(
  entry: AuditRecord,
  of: { readonly action: string; readonly actor: string },
): boolean {
  const isAction = of.action === '' || entry.action === of.action;
  return isAction && (of.actor === '' || entry.actor === of.actor);
}

/** Entries below a number, the newest first. */
function* auditEntries({ sources, store }: ServiceParts, before: number): Generator<AuditRecord> {
  const { firstAudit } = sources.state.jobs;
  for (let number = before - 1; number >= firstAudit; number -= 1) {
    const bytes = store.get(numberedKey(PREFIX.audit, number));
    if (bytes !== undefined) yield decodeJson<AuditRecord>(bytes);
  }
}
