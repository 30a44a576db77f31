/**
 * Recovery's effects on model nodes: lists, reads and compares the documents of a shard, writes
 * pages. As the real code does it over HTTP, in small.
 */
import type {
  Effect,
  RecoveryEffect,
  RecoveryPlace,
  SendReport,
} from '../../control/state/index.ts';
import { type Doc, docText, isSame, KEYS, keyOf, keyOfHash, shardOfText } from './documents.ts';
import { MendCalls, type Submit } from './mend-calls.ts';
import type { Call } from './network.ts';
import type { ModelNode, TaskWork } from './node.ts';
import { isAccountedFor } from './out-of-order.ts';
import type { World } from './world.ts';

type EffectOf<Kind> = Extract<RecoveryEffect, { kind: Kind }>;

/** What one worker keeps between its effects. */
interface Kept {
  /** Hashes whose texts some list named. */
  readonly named: Set<bigint>;
  readonly page: Map<bigint, Doc | undefined>;
}

/** Performs recovery's effects for one process of control. */
export class RecoveryCalls {
  readonly #world: World;
  readonly #submit: Submit;
  readonly #kept = new Map<number, Kept>();
  /** Pages on their way. */
  readonly #pages = new Set<Call>();
  /** Its calls to nodes, and what is done to whole indexes. */
  readonly mending: MendCalls;

  constructor(world: World, submit: Submit) {
    this.#world = world;
    this.#submit = submit;
    this.mending = new MendCalls(world, submit);
  }

  /** The process died; pages that it sent may arrive still. */
  close(): void {
    this.mending.isClosed = true;
    for (const page of this.#pages) page.orphan();
  }

  /** False if the effect is not one of recovery's. */
  perform(effect: Effect): boolean {
    switch (effect.kind) {
      case 'recoveryList':
        this.#list(effect, effect.fromSeq);
        return true;
      case 'recoveryRead':
        this.#read(effect);
        return true;
      case 'recoveryWrite':
        this.#write(effect);
        return true;
      case 'recoveryCompare':
        this.#compare(effect);
        return true;
      case 'recoveryPlanned':
        this.#world.coverage.hit(`recovery by ${effect.method}`);
        this.#world.trace(
          () =>
            `recovery ${effect.recovery} of shard ${effect.place.shard} on ${effect.place.targetId} from ${effect.place.sourceId}: ${effect.words}`,
        );
        return true;
      case 'recoveryEnded':
        this.#kept.delete(effect.recovery);
        this.#world.coverage.hit(effect.isInSync ? 'recovery done' : 'recovery given up');
        this.#world.trace(() => `recovery ${effect.recovery} ends: ${effect.reason}`);
        return true;
      case 'mendIndex':
        this.mending.mend(effect);
        return true;
      case 'listIndexes':
        this.mending.listIndexes(effect);
        return true;
      case 'removeIndex':
        this.mending.removeIndex(effect);
        return true;
      case 'writeMarker':
        this.mending.writeMarker(effect.nodeId, effect.seq, (isDone) => {
          if (!isDone) return;
          const { nodeId, seq } = effect;
          this.#world.coverage.hit('marker written');
          this.#submit((now) => ({ kind: 'markerWritten', nodeId, seq, now }));
        });
        return true;
      default:
        return false;
    }
  }

  #keptOf(recovery: number): Kept {
    const kept = this.#kept.get(recovery) ?? { named: new Set(), page: new Map() };
    this.#kept.set(recovery, kept);
    return kept;
  }

  #fail(recovery: number, reason: string): void {
    this.#submit((now) => ({ kind: 'recoveryFailed', recovery, reason, now }));
  }

  #list(effect: EffectOf<'recoveryList'>, fromSeq: number): void {
    const { place, recovery, wanted } = effect;
    const versions = (node: ModelNode) => this.#versions(node, place, fromSeq);
    this.#askBoth(place, versions, (source, target) => {
      if (source === undefined || target === undefined) {
        this.#fail(recovery, 'a list was not answered');
        return;
      }
      const { named } = this.#keptOf(recovery);
      for (const hash of source.keys()) named.add(hash);
      for (const hash of target.keys()) named.add(hash);
      if (fromSeq > 0 && wanted.some((hash) => !named.has(hash))) this.#list(effect, 0);
      else {
        this.#submit((now) => ({ kind: 'recoveryListed', recovery, source, target, now }));
      }
    });
  }

  /** Asks both nodes at the same time. */
  #askBoth<Answer>(
    place: RecoveryPlace,
    perform: (node: ModelNode) => Answer,
    done: (source: Answer | undefined, target: Answer | undefined) => void,
  ): void {
    const answers: (readonly [isSource: boolean, answer: Answer | undefined])[] = [];
    const take = (isSource: boolean) => (answer: Answer | undefined) => {
      answers.push([isSource, answer]);
      if (answers.length < 2) return;
      const of = (wanted: boolean) => answers.find(([own]) => own === wanted)?.[1];
      done(of(true), of(false));
    };
    this.mending.ask(place.sourceId, perform, take(true));
    this.mending.ask(place.targetId, perform, take(false));
  }

  #read(effect: EffectOf<'recoveryRead'>): void {
    const { place, recovery, hashes, isNewPage } = effect;
    const { named, page } = this.#keptOf(recovery);
    if (isNewPage) page.clear();
    const nowhere = hashes.filter((hash) => !named.has(hash));
    if (nowhere.length > 0) {
      // Their texts are not known: both copies are listed whole, and what is on neither is nowhere.
      this.#nameAll(place, recovery, (isAnswered) => {
        if (isAnswered) this.#readNamed(effect);
        else this.#fail(recovery, 'a list was not answered');
      });
      return;
    }
    this.#readNamed(effect);
  }

  #nameAll(place: RecoveryPlace, recovery: number, done: (isAnswered: boolean) => void): void {
    const { named } = this.#keptOf(recovery);
    const take = (versions: ReadonlyMap<bigint, bigint> | undefined): boolean => {
      for (const hash of versions?.keys() ?? []) named.add(hash);
      return versions !== undefined;
    };
    const versions = (node: ModelNode) => this.#versions(node, place, 0);
    this.#askBoth(place, versions, (source, target) => {
      const isNamed = take(source);
      done(take(target) && isNamed);
    });
  }

  #readNamed(effect: EffectOf<'recoveryRead'>): void {
    const { place, recovery, hashes } = effect;
    const { named, page } = this.#keptOf(recovery);
    const known = hashes.filter((hash) => named.has(hash));
    this.mending.ask(
      place.sourceId,
      (node) => {
        const docs = node.indexes.get(place.indexUid)?.docs;
        return known.map((hash) => [hash, docs?.get(keyOfHash(hash).text)] as const);
      },
      (found) => {
        if (found === undefined) {
          this.#fail(recovery, 'the source did not answer');
          return;
        }
        for (const [hash, doc] of found) page.set(hash, doc);
        const nowhere = hashes.filter((hash) => !named.has(hash));
        this.#submit((now) => ({
          kind: 'recoveryRead',
          recovery,
          nowhere,
          documentCount: known.length,
          documentBytes: known.length * 100,
          now,
        }));
      },
    );
  }

  #write(effect: EffectOf<'recoveryWrite'>): void {
    const { place, seq, tag, recovery } = effect;
    const { page } = this.#keptOf(recovery);
    const puts = new Map<string, Doc>();
    const deletes: string[] = [];
    for (const [hash, doc] of page) {
      const { text } = keyOfHash(hash);
      if (doc === undefined) deletes.push(text);
      else puts.set(text, doc);
    }
    const parts: TaskWork[] = [];
    if (puts.size > 0) parts.push({ kind: 'fix', puts, deletes: [] });
    // A step waits for an answer, so a page without anything is sent as well.
    if (deletes.length > 0 || puts.size === 0) {
      parts.push({ kind: 'fix', puts: new Map(), deletes });
    }
    page.clear();
    const node = this.#world.node(place.targetId);
    const results: SendReport[] = [];
    const report = (): void => {
      this.#submit((now) => ({ kind: 'internalReport', seq, results, isComplete: true, now }));
    };
    const next = (part: number): void => {
      const work = parts[part];
      if (work === undefined) {
        report();
        return;
      }
      const type =
        work.kind === 'fix' && work.puts.size > 0 ? 'documentAdditionOrUpdate' : 'documentDeletion';
      const page = this.#world.network.call<number | undefined>({
        node,
        isWrite: true,
        perform: (isRepeated) => {
          if (!isRepeated && this.#world.random.chance(this.#world.rates.refusal * 0.08))
            return undefined;
          return this.#world.enqueue(node, {
            type,
            indexUid: place.indexUid,
            tag: `${tag}.${part}.rc`,
            seq,
            work,
            isLate: isRepeated || isAccountedFor(this.#world, seq, node.id),
          }).uid;
        },
        done: (outcome) => {
          this.#pages.delete(page);
          const common = { nodeId: node.id, part, partCount: parts.length };
          if (outcome.kind === 'answered' && outcome.answer !== undefined) {
            results.push({ ...common, outcome: { kind: 'enqueued', uid: outcome.answer } });
            next(part + 1);
            return;
          }
          this.#world.coverage.hit(
            `page of recovery ${outcome.kind === 'reset' ? 'unknown' : 'refused'}`,
          );
          results.push({
            ...common,
            outcome:
              outcome.kind === 'reset'
                ? { kind: 'unknown', reason: 'reset' }
                : { kind: 'refused', status: 429, body: '' },
          });
          report();
        },
      });
      this.#pages.add(page);
    };
    next(0);
  }

  #compare(effect: EffectOf<'recoveryCompare'>): void {
    const { place, recovery, hashes } = effect;
    const wanted = hashes === null ? null : new Set(hashes);
    const read = (node: ModelNode) => {
      const docs = new Map<bigint, Doc>();
      for (const [text, doc] of node.indexes.get(place.indexUid)?.docs ?? []) {
        const { hash } = keyOf(text);
        if (shardOfText(text, this.#world.profile.shardCount) !== place.shard) continue;
        if (wanted === null || wanted.has(hash)) docs.set(hash, doc);
      }
      return docs;
    };
    this.#askBoth(place, read, (source, target) => {
      if (source === undefined || target === undefined) {
        this.#fail(recovery, 'a comparison was not answered');
        return;
      }
      const all = new Set([...source.keys(), ...target.keys()]);
      this.#world.trace(
        () =>
          `recovery ${recovery} compared ${hashes === null ? 'all' : hashes.map((hash) => keyOfHash(hash).text)}: ${[...all].map((hash) => `${keyOfHash(hash).text} ${docText(source.get(hash))} | ${docText(target.get(hash))}`).join('; ')}`,
      );
      const different = [...all].filter((hash) => !isSame(source.get(hash), target.get(hash)));
      if (different.length > 0) this.#world.coverage.hit('recovery compared: not equal');
      this.#submit((now) => ({
        kind: 'recoveryCompared',
        recovery,
        different,
        count: all.size,
        now,
      }));
    });
  }

  #versions(node: ModelNode, place: RecoveryPlace, fromSeq: number): Map<bigint, bigint> {
    const versions = new Map<bigint, bigint>();
    const docs = node.indexes.get(place.indexUid)?.docs;
    for (const { text, hash } of KEYS) {
      if (shardOfText(text, this.#world.profile.shardCount) !== place.shard) continue;
      const doc = docs?.get(text);
      if (doc === undefined || doc.seq < fromSeq) continue;
      versions.set(hash, (BigInt(doc.seq) << 24n) | BigInt(doc.row));
    }
    return versions;
  }
}
